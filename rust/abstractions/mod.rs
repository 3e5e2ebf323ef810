// SPDX-License-Identifier: GPL-2.0

//! Safe Rust over the C subsystems that the modules use, in the shape of the `kernel` crate.
//!
//! | file or room | what it has |
//! |---|---|
//! | [`bvec`] | a position in the memory of a block I/O request |
//! | [`counter`] | figures that cost nothing to keep |
//! | [`cpu`] | which CPUs there are |
//! | [`crc32c`] | the checksum of digests |
//! | [`debugfs`] | files of debugfs |
//! | [`key`] | keys, and how users know them |
//! | `last_error` | the last error of something |
//! | [`llist`] | lists that link their elements through a field of the elements |
//! | [`mm`] | what allocations of the current task may do |
//! | `ratelimit` | bounds for messages that others can cause |
//! | `registered` | what a module has registered, for functions that C tells nothing of it |
//! | `trace` | tracepoints |
//! | [`workqueue`] | workqueues of one's own, and waiting for work |
//! | [`net`] | sockets that speak MPTCP, their addresses, callbacks and data |
//! | `nvme` | the NVMe host core, for fabrics transports |
//! | `nvmet` | the NVMe target core, for fabrics transports |
//!
//! Both modules have this list. A room that needs symbols of one core is in the module that serves
//! that core, and in no other: to name a symbol is to load the module that has it.
//!
//! What may sleep, or must be called in a certain context, says so; everything else may be called
//! in any context. Lengths and offsets are in bytes.
//!
//! Nothing here knows the layers above, and `unsafe` stands here and in `bindings` alone.

pub mod bvec;
pub mod counter;
pub mod cpu;
pub mod crc32c;
pub mod debugfs;
pub mod key;
pub mod last_error;
pub mod llist;
pub mod mm;
pub mod net;
#[cfg(nvme_host)]
pub(crate) mod nvme;
#[cfg(nvme_target)]
pub(crate) mod nvmet;
pub(crate) mod ratelimit;
mod registered;
#[cfg(any(nvme_host, nvme_target))]
pub(crate) mod trace;
pub mod workqueue;
