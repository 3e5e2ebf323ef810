// SPDX-License-Identifier: GPL-2.0

//! The NVMe/TCP controller side over MPTCP sockets.
//!
//! C counterpart: `drivers/nvme/target/tcp.c`.
//!
//! # Map
//!
//! | file | what |
//! |---|---|
//! | `transport.rs` | [`Target`]: the transport, and all connections that there are |
//! | `port.rs` | a port that listens |
//! | `queue.rs` | a connection: when it works, and how it ends |
//! | `io.rs` | one turn of a connection's work: receive, execute, send |
//! | `recv.rs`, `payload.rs` | from the stream to commands with their data |
//! | `mapping.rs` | what the SGL of a command means |
//! | `send.rs`, `batch.rs` | from completed commands to the stream |
//! | `bell.rs`, `home.rs` | when and where the work is queued |
//! | `slots.rs` | where the commands of a connection are kept |
//! | `budget.rs` | how much memory they may have |
//!
//! # The life of a command
//!
//! ```text
//!   Slots --recv--> pending data --recv--> ready --io--> (target core) --> Queue::inbox
//!     ^  |             ^                     ^                                 |
//!     |  +--> waiting -+---------------------+                                 |
//!     +------------------ batch <------------------ send <---------------------+
//! ```
//!
//! A command with data waits if the connection has as much memory as it may ([`budget`]).
//!
//! Each arrow hands over ownership of the command, so that nobody else has it. The core is the
//! only one that works outside of the connection's I/O work; it gives commands back through
//! `Queue::inbox`, which takes no lock.
//!
//! # Locks, outermost first
//!
//! | lock | protects | held while |
//! |---|---|---|
//! | `Queue::io` | a connection's streams and commands | working, which calls into the core |
//! | `nvmet_config_sem`, `nvmet_subsys::lock`, `nvmet_ctrl::lock` (core) | | executing, and calling [`Transport`] |
//! | `Port::listener` | the listening socket | accepting, which adds a connection |
//! | `Queue::hooked` | the socket callbacks of a connection | installing them |
//! | `Target::queues` | the list of connections | shutting sockets down |
//! | socket lock | the connection as the network sees it | parsing what has been received |
//!
//! The core calls [`Transport`] with its own locks held, and takes the same ones when it executes
//! a command inside of `Queue::io`. So nothing that the core calls takes `Queue::io`.
//! None of the locks below it is held when a command is executed. Socket callbacks and
//! [`Transport::completed`] come in softirq, and take no lock at all.
//!
//! [`Transport`]: crate::abstractions::nvmet::transport::Transport
//! [`Transport::completed`]: crate::abstractions::nvmet::transport::Transport::completed

#![deny(unsafe_code)]

mod batch;
mod bell;
mod budget;
mod home;
mod io;
mod mapping;
mod payload;
mod port;
mod queue;
mod recv;
mod send;
mod slots;
mod transport;

pub(crate) use self::transport::Target;

/// The most data that a command may transfer, as Identify says it: 4 KiB shifted left by this.
const MDTS: u8 = 10;

/// The same in bytes, and the most that an H2CData may carry.
const MAX_DATA: u32 = 4096 << MDTS;

/// The data in bytes that a capsule of an I/O queue may hold if the administrator does not say:
/// four pages.
const DEFAULT_INLINE_DATA_SIZE: u32 = 4 * kernel::page::PAGE_SIZE as u32;

/// The data in bytes that a capsule of an admin queue, or with a connect command, may hold whatever
/// the administrator says (TCP transport section 3.3.2.1).
const ADMIN_INLINE_DATA_SIZE: u32 = 8192;

/// The data in bytes of a connect command, which is all that a connection may have of us before it
/// has become a queue.
const CONNECT_DATA: u32 = 1024;

/// How many connections may wait to be accepted; and to be released before a host that connects
/// again is told to come back later.
const BACKLOG: i32 = 128;
