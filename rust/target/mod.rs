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
//! | `connection.rs` | a connection, which becomes a queue |
//! | `greeting.rs` | what comes before: its host speaks, perhaps a TLS handshake |
//! | `crowd.rs` | how long it may take until it is a queue, and how many may be on the way |
//! | `patience.rs` | how long the host may be silent when it is one |
//! | `ending.rs` | how it ends |
//! | `events.rs` | what its socket tells it |
//! | `wakeup.rs` | when and where its work is done |
//! | `io.rs` | one turn of that: receive, execute, send |
//! | `fault.rs` | why there is no other turn, and who is told |
//! | `tally.rs`, `observe.rs` | what it has seen, and who is shown that |
//! | `recv.rs`, `payload.rs` | from the stream to commands with their data |
//! | `send.rs`, `batch.rs` | from completed commands to the stream |
//! | `commands.rs` | slots for commands, and their memory |
//! | `budget.rs`, `limits.rs` | how much memory hosts may hold, and what else they are granted |
//!
//! # The life of a command
//!
//! Each arrow hands over ownership of the command, so that nobody else has it. The types are those
//! of [`command`]: a [`Free`] slot, a [`Request`] that the core has accepted, a command that is
//! [`Completed`].
//!
//! ```text
//! Slots::free                                              Free
//!   |
//!   +- no data -------------------------------------+      Request
//!   +- data in the capsule --> Receiver::payload ---+
//!   +- others --> Receiver::waiting, for memory     |
//!                   |                               |
//!                   +- data to the host ------------+
//!                   +- data from the host           |
//!                        v                          |
//!                      Sender::to_solicit           |
//!                        v                          |
//!                      Batch                        |
//!                        v R2T                      |
//!                      Receiver::awaited            |
//!                        v H2CData  ^ more to come  |
//!                      Receiver::payload -----------+
//!                                                   v
//!                                             Receiver::ready
//!                                                   v
//!                                             the core
//!                                                   v
//!                                             Connection::inbox    Completed
//!                                                   v
//!                                             Sender::answers
//!                                                   |
//!                                                   +- data to the host --> Batch --+
//!                                                   v                               |
//!                                             Slots::free <-------------------------+
//! ```
//!
//! A command that fails or is refused on its way goes to `Sender::answers` at once.
//!
//! The core is the only one that works outside of the connection's I/O work; it gives commands back
//! through `Connection::inbox`, which takes no lock.
//!
//! # Locks, outermost first
//!
//! | lock | protects | held while |
//! |---|---|---|
//! | `Connection::state` | a connection's streams and commands | working, and calling the core |
//! | `nvmet_config_sem`, `nvmet_{subsys, ctrl}::lock` | (the core's) | executing, [`Transport`] |
//! | `Port::listener` | the listening socket | accepting, which adds a connection |
//! | `Crowd::members` | a list of connections that are not queues yet | changing it |
//! | `Target::connections` | the list of connections | ending some of them |
//! | `Connection::hooked` | the socket callbacks of a connection | installing them, ending it |
//! | socket lock | the connection as the network sees it | parsing what has been received |
//!
//! The core calls [`Transport`] with its own locks held, and takes the same ones when it executes
//! a command inside of `Connection::state`. So nothing that the core calls takes that lock.
//! None of the locks below it is held when a command is executed. Socket callbacks and
//! [`Transport::completed`] come in softirq, and take no lock at all.
//!
//! [`command`]: crate::abstractions::nvmet::command
//! [`Free`]: crate::abstractions::nvmet::command::Free
//! [`Request`]: crate::abstractions::nvmet::command::Request
//! [`Completed`]: crate::abstractions::nvmet::command::Completed
//! [`Transport`]: crate::abstractions::nvmet::transport::Transport
//! [`Transport::completed`]: crate::abstractions::nvmet::transport::Transport::completed

#![deny(unsafe_code)]

mod batch;
mod budget;
mod commands;
mod connection;
mod crowd;
mod ending;
mod events;
mod fault;
mod greeting;
mod io;
mod limits;
mod observe;
mod patience;
mod payload;
mod port;
mod recv;
mod send;
mod tally;
mod transport;
mod wakeup;

pub(crate) use self::transport::Target;
