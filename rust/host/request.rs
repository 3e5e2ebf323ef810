// SPDX-License-Identifier: GPL-2.0

//! What a request carries for the transport, and what its command says of its data.
//!
//! C counterparts: `struct nvme_tcp_request`, `nvme_tcp_map_data()`.

use kernel::prelude::*;

use super::{
    bounce::Bounce,
    fault::Fault,
    queue::Queue, //
};
use crate::{
    abstractions::{
        net::segments::Segments,
        nvme::request::{
            Info,
            SendRequest, //
        }, //
    },
    wire::{
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
    /// How much of the request's data has been put into PDUs, in bytes.
    data_sent: u32,
    h2c: H2cTransfer,
    h2c_header: [u8; H2CData::MAX_HEADER],
}

impl Default for SendState {
    fn default() -> Self {
        Self {
            stage: Stage::Unsealed(0),
            out: Outgoing::NOTHING,
            crc: None,
            data_sent: 0,
            h2c: H2cTransfer::new(),
            h2c_header: [0; H2CData::MAX_HEADER],
        }
    }
}

/// What the receiver keeps for a request.
pub(crate) struct RecvState {
    /// The data that have come.
    pub(crate) c2h: C2hTransfer,
    /// Whether a data digest was wrong.
    pub(crate) corrupt: bool,
}

impl Default for RecvState {
    fn default() -> Self {
        Self {
            c2h: C2hTransfer::new(),
            corrupt: false,
        }
    }
}

/// What the receiver tells the sender: the R2T that has come.
pub(crate) type Grant = Option<R2T>;

/// Says in the submission queue entry where the data are: in the capsule, if they fit into
/// `in_capsule` bytes and go to the controller.
pub(crate) fn prepare(
    info: &Info,
    entry: &mut [u8; sqe::LEN],
    state: &mut SendState,
    in_capsule: u32,
) {
    let Info {
        data_len, is_write, ..
    } = *info;
    let in_capsule = mapping::describe(entry, data_len, is_write, in_capsule);
    if in_capsule > 0 {
        state.stage = Stage::Unsealed(in_capsule);
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
        self.data_sent = self.data_sent.saturating_add(data_len);
    }

    /// Follows the R2T `r2t`: the next PDU is the first that it asks for.
    ///
    /// # Errors
    ///
    /// If the R2T asks for what it may not.
    fn follow(&mut self, r2t: &R2T, layout: &Layout, max: u32) -> Result<(), Fault> {
        let data_len = self.info().data_len;
        let sent = self.data_sent;
        self.h2c.r2t(r2t, data_len, sent)?;
        self.next_data(layout, max)?;
        Ok(())
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
    /// If an R2T asks for what it may not, or a PDU of this size cannot be.
    pub(super) fn next_pdu(mut self, layout: &Layout, max: u32) -> Result<Option<Self>, Fault> {
        if self.is_over() {
            return Ok(None);
        }
        if self.next_data(layout, max)? {
            return Ok(Some(self));
        }
        match self.next_grant() {
            Some((mut request, Some(r2t))) => {
                request.follow(&r2t, layout, max)?;
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
    fn header(&self) -> &[u8] {
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
