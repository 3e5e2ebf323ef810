// SPDX-License-Identifier: GPL-2.0

//! What a request carries for the transport, and what its command says of its data.
//!
//! C counterparts: `struct nvme_tcp_request`, `nvme_tcp_map_data()`.

use kernel::prelude::*;

use super::{
    bounce::Bounce,
    queue::Queue, //
};
use crate::{
    abstractions::{
        net::segments::Segments,
        nvme::request::{
            Info,
            RecvRequest,
            SendRequest, //
        }, //
    },
    wire::{
        self,
        finish,
        mapping,
        sqe,
        C2hTransfer,
        CapsuleCmd,
        Crc32c as _,
        EmitError,
        H2CData,
        H2cTransfer,
        Layout,
        Outgoing,
        PduHeader,
        Solicited,
        CRC_SEED,
        DIGEST_LEN,
        R2T, //
    },
    wire_deps::KernelCrc, //
};

/// What is being sent of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing yet: the capsule will have so many bytes of data, and has no digest.
    Unsealed(u32),
    /// The capsule of the request.
    Capsule,
    /// An H2CData, whose header is in the sender's state.
    H2CData,
}

/// What the sender keeps for a request: the PDU that is being sent, and what comes after it.
pub(crate) struct SendState {
    stage: Stage,
    /// The PDU of that stage.
    out: Outgoing,
    /// If a digest follows the data: the CRC32C of those that have been put into the bounce buffer.
    crc: Option<u32>,
    h2c: H2cTransfer,
    h2c_header: [u8; H2CData::MAX_HEADER],
}

impl Default for SendState {
    fn default() -> Self {
        Self {
            stage: Stage::Unsealed(0),
            out: Outgoing::NOTHING,
            crc: None,
            h2c: H2cTransfer::new(),
            h2c_header: [0; H2CData::MAX_HEADER],
        }
    }
}

/// What the receiver keeps for a request.
#[derive(Default)]
pub(crate) struct RecvState {
    /// The data that have come.
    pub(crate) c2h: C2hTransfer,
    /// The data that have been asked for.
    pub(crate) solicited: Solicited,
    /// Whether a data digest was wrong.
    pub(crate) corrupt: bool,
}

/// What the receiver tells the sender: the R2T that has come, and may ask for what it asks for.
pub(crate) type Grant = Option<R2T>;

/// Says in the submission queue entry where the data are: in the capsule, if they fit into
/// `in_capsule` bytes and go to the controller. Returns what the receiver needs.
pub(crate) fn prepare(
    info: &Info,
    entry: &mut [u8; sqe::LEN],
    state: &mut SendState,
    in_capsule: u32,
) -> RecvState {
    let Info {
        data_len, is_write, ..
    } = *info;
    let in_capsule = mapping::describe(entry, data_len, is_write, in_capsule);
    if in_capsule > 0 {
        state.stage = Stage::Unsealed(in_capsule);
    }
    let solicited = match is_write {
        true => data_len.saturating_sub(in_capsule),
        false => 0,
    };
    RecvState {
        solicited: Solicited::new(solicited),
        ..RecvState::default()
    }
}

impl RecvRequest<'_, Queue> {
    /// Checks that all data of a request which succeeds have come, or have been asked for at least.
    ///
    /// # Errors
    ///
    /// 02h if not.
    pub(super) fn check_complete(&self) -> Result<(), wire::Error> {
        let info = self.info();
        if info.is_passthrough {
            return Ok(());
        }
        if info.is_write {
            return self.solicited.check_complete();
        }
        match self.c2h.received() {
            got if got == info.data_len => Ok(()),
            got => Err(wire::Error::short_of_data(got, info.data_len)),
        }
    }
}

/// The PDU of a request that is being sent.
impl SendRequest<Queue> {
    /// Makes the PDU ready to be sent, if it is not.
    ///
    /// # Errors
    ///
    /// If a PDU of this size cannot be.
    pub(super) fn seal(&mut self, layout: &Layout) -> Result<(), EmitError> {
        if let Stage::Unsealed(data_len) = self.stage {
            let (capsule, _) = self.parts_mut();
            let len = CapsuleCmd::seal::<KernelCrc>(layout, data_len, capsule)?;
            self.begin(Stage::Capsule, len, data_len, layout);
        }
        Ok(())
    }

    /// Begins to send a PDU with these lengths of header and data.
    fn begin(&mut self, stage: Stage, header_len: usize, data_len: u32, layout: &Layout) {
        let digest = layout.digests.data && data_len > 0;
        self.stage = stage;
        self.out = Outgoing::new(
            header_len,
            data_len as usize,
            if digest { DIGEST_LEN } else { 0 },
        );
        self.crc = digest.then_some(CRC_SEED);
    }

    /// Makes the next H2CData PDU of the R2T that is being followed; `false` if there is none.
    ///
    /// # Errors
    ///
    /// If a PDU of this size cannot be.
    fn next_data(&mut self, layout: &Layout, max: u32) -> Result<bool, EmitError> {
        let Some(pdu) = self.h2c.next(max) else {
            return Ok(false);
        };
        let len = pdu.emit::<KernelCrc>(layout, &mut self.h2c_header)?;
        self.begin(Stage::H2CData, len, pdu.datal, layout);
        Ok(true)
    }

    /// Makes the next PDU of a request of which one has been sent, if there is one; otherwise the
    /// handle is given up.
    ///
    /// # Errors
    ///
    /// If a PDU of this size cannot be.
    pub(super) fn next_pdu(mut self, layout: &Layout, max: u32) -> Result<Option<Self>, EmitError> {
        if self.is_over() {
            return Ok(None);
        }
        if self.next_data(layout, max)? {
            return Ok(Some(self));
        }
        match self.next_grant() {
            Some((mut request, Some(r2t))) => {
                request.h2c.serve(&r2t);
                request.next_data(layout, max)?;
                Ok(Some(request))
            }
            Some((_, None)) | None => Ok(None),
        }
    }

    /// Whether all of the PDU has been sent.
    pub(super) fn is_sent(&self) -> bool {
        !matches!(self.stage, Stage::Unsealed(_)) && self.out.is_sent()
    }

    /// Whether a part of the PDU, but not all of it, has been sent.
    pub(super) fn is_begun(&self) -> bool {
        self.out.is_begun()
    }

    /// Header, header digest and padding.
    pub(super) fn header(&self) -> &[u8] {
        match self.stage {
            Stage::H2CData => &self.h2c_header,
            Stage::Unsealed(_) | Stage::Capsule => self.capsule(),
        }
    }

    /// Adds what has not been sent of the PDU, on a connection whose data have no digests; `false`
    /// if there is no room for all of it.
    pub(super) fn add_to<'data>(&'data self, segments: &mut Segments<'_, 'data>) -> bool {
        let unsent = self.out.parts();
        segments.add_bytes(self.header().get(unsent.head).unwrap_or_default())
            && self.add_data_to(segments, unsent.data.len())
    }

    /// Copies what has not been sent of the PDU to `bounce`, and behind the data the digest of what
    /// was copied; `false` if there is no room for all of it.
    ///
    /// What is copied has to be counted as sent before this is called again.
    pub(super) fn copy_to(&mut self, bounce: &mut Bounce) -> bool {
        let unsent = self.out.parts();
        if !bounce.put(self.header().get(unsent.head).unwrap_or_default()) {
            return false;
        }
        let data = bounce.put_with(unsent.data.len(), |room| self.copy_data_to(room));
        let all = data.len() == unsent.data.len();
        let Some(crc) = self.crc else {
            return all;
        };
        let crc = KernelCrc::update(crc, data);
        self.crc = Some(crc);
        all && bounce.put(finish(crc).get(unsent.tail).unwrap_or_default())
    }

    /// Notes that up to `len` bytes have been sent; returns how many of them were of this PDU.
    pub(super) fn sent(&mut self, len: usize) -> usize {
        let sent = self.out.advance(len);
        let total = sent.total();
        self.advance(sent.data.len());
        total
    }
}
