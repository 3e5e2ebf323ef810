// SPDX-License-Identifier: GPL-2.0

//! NVMe/TCP on the wire: bytes in, values out, and back.
//!
//! This layer knows the format of the PDUs and the rules for their order, as the NVMe/TCP
//! Transport Specification 1.0 gives them (sections 3.3, 3.5 and 3.6.2), and nothing else: no
//! sockets, no clocks, no locks, no memory allocation, no kernel. Both drivers are built on it,
//! and the same source is a crate on the host, where `cargo test` and the fuzzer drive it.
//!
//! # A PDU
//!
//! ```text
//!   0     1     2     3     4           8          HLEN       +4          PDO              PLEN
//!   +-----+-----+-----+-----+-----------+-----------+-----------+-----------+-------+-------+
//!   |type |flags|HLEN | PDO |   PLEN    |    PSH    |  HDGST?   |   PAD?    | DATA? | DDGST?|
//!   +-----+-----+-----+-----+-----------+-----------+-----------+-----------+-------+-------+
//!   |-------- common header (CH) -------|
//!   |---------------- PDU header -------------------|  <- what HDGST covers
//! ```
//!
//! Every integer is little-endian. Whether the digests are there, and how far PAD reaches, was
//! settled when the connection was set up and is kept in a [`Layout`], one per direction.
//!
//! # The contract
//!
//! - **Nothing here panics**, whatever the peer sends and in whatever order. There is no
//!   indexing, no `unwrap` and no unchecked arithmetic; offsets are checked by the compiler.
//! - **A value that was parsed is a value that is legal by itself**: `parse` makes every check
//!   that the PDU and the [`Layout`] allow, lowest field first, as the specification wants the
//!   first wrong field reported. What needs to know more (is this command ID in use?) is left
//!   to the drivers, and what needs the history of a command is in the transfer types.
//! - **Every refusal says why**: an [`Error`] carries the Fatal Error Status that the peer is to
//!   be told in a [`TermReq`], and the reason with the values for the log. What the peer is not
//!   told of has types of its own: [`DecodeError`] and [`EmitError`].
//! - **`emit` owns its buffer** up to the length that it returns: it clears reserved bytes.
//!
//! # Receiving
//!
//! ```
//! # use nvme_tcp_wire::{Crc32c, DecodeError, Decoder, Event, Input, Pdu, Role};
//! # struct Crc;
//! # impl Crc32c for Crc {
//! #     fn update(crc: u32, _: &[u8]) -> u32 { crc }
//! # }
//! # fn feed(mut stream: &[u8]) -> Result<(), DecodeError> {
//! let mut decoder = Decoder::<Crc>::new(Role::Controller);
//! while !stream.is_empty() {
//!     let n = match decoder.input() {
//!         Input::Bytes(to) => {
//!             let n = to.len().min(stream.len());
//!             to[..n].copy_from_slice(&stream[..n]);
//!             n
//!         }
//!         Input::Payload(due) => stream.len().min(due as usize),
//!     };
//!     stream = &stream[n..];
//!
//!     match decoder.advance(n)? {
//!         Some(Event::Pdu(Pdu::ICReq(request))) => decoder.set_digests(request.digests),
//!         Some(event) => println!("{event:?}"),
//!         None => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Map
//!
//! | file | what |
//! |---|---|
//! | `error.rs`, `reason.rs` | [`Error`], [`Fes`], [`Reason`]: what went wrong |
//! | `field.rs` | a field at a fixed offset |
//! | `digest.rs`, `layout.rs` | CRC32C; where digests and data sit |
//! | `pdu_type.rs`, `ch.rs` | [`PduType`]; the common header, with the rules for its fields |
//! | `header.rs` | [`PduHeader`]: how PDUs are read and written |
//! | `ic.rs`, `capsule.rs`, `data.rs`, `r2t.rs`, `term.rs` | the PDUs |
//! | `sqe.rs`, `cqe.rs` | the few fields of queue entries that a transport touches |
//! | `mapping.rs` | [`Mapping`](mapping::Mapping): what a command says about its data |
//! | `pdu.rs`, `decoder.rs`, `decoder_state.rs` | [`Pdu`]; the receive machine, [`Decoder`] |
//! | `outgoing.rs` | the send machine, [`Outgoing`]: how much of what is sent has been |
//! | `solicited.rs`, `transfer_host.rs`, `transfer_controller.rs` | who may send which byte when |
//! | `send_size.rs` | how many bytes to send at a time |
//! | `test/`, `tests/`, `fuzz/` | what only tests use; properties; fuzz targets |
//!
//! C header: `include/linux/nvme-tcp.h`.

#![deny(unsafe_code)]
// The first line of the contract, as far as clippy can tell. Tests may panic.
#![cfg_attr(
    not(any(test, nvme_kunit)),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used,
    )
)]

mod capsule;
mod ch;
pub mod cqe;
mod data;
mod decoder;
mod decoder_state;
mod digest;
mod error;
mod field;
mod header;
mod ic;
mod layout;
pub mod mapping;
mod outgoing;
mod pdu;
mod pdu_type;
mod r2t;
mod reason;
mod send_size;
mod solicited;
pub mod sqe;
mod term;
mod transfer_controller;
mod transfer_host;

#[cfg(any(test, nvme_kunit))]
mod test;

pub use self::{
    capsule::{
        CapsuleCmd,
        CapsuleResp, //
    },
    data::{
        C2HData,
        H2CData, //
    },
    decoder::{
        Decoder,
        Event,
        Input, //
    },
    digest::{
        finish,
        Crc32c,
        Digests,
        CRC_SEED,
        DIGEST_LEN, //
    },
    error::{
        DecodeError,
        EmitError,
        Error,
        Fes, //
    },
    header::{
        command_id,
        PduHeader, //
    },
    ic::{
        ICReq,
        ICResp,
        MIN_MAXH2CDATA,
        PFV_1_0, //
    },
    layout::{
        Layout,
        Pda, //
    },
    outgoing::{
        Outgoing,
        Parts, //
    },
    pdu::Pdu,
    pdu_type::{
        PduType,
        Role, //
    },
    r2t::R2T,
    reason::{
        Reason,
        Rule, //
    },
    send_size::send_size,
    solicited::Solicited,
    sqe::Sgl,
    term::TermReq,
    transfer_controller::{
        C2hEmitter,
        R2tTransfer, //
    },
    transfer_host::{
        C2hTransfer,
        H2cTransfer, //
    },
};
