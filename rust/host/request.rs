// SPDX-License-Identifier: GPL-2.0

//! What a request carries for the transport, and what its command says of its data.
//!
//! C counterparts: `struct nvme_tcp_request`, `nvme_tcp_map_data()`.

use kernel::prelude::*;

use super::{
    bounce::Bounce,
    Host, //
};
use crate::{
    abstractions::{
        nvme::request::{
            Info,
            SendRequest, //
        },
        segments::Segments, //
    },
    glue::KernelCrc,
    wire::{
        finish,
        sqe::{
            self,
            Sgl, //
        },
        C2hTransfer,
        CapsuleCmd,
        Crc32c as _,
        Error,
        H2CData,
        H2cTransfer,
        Layout,
        CRC_SEED,
        DIGEST_LEN,
        R2T, //
    }, //
};

/// The bytes of data that fit into the capsule of an admin or a fabrics command
/// (`NVME_TCP_ADMIN_CCSZ`).
pub(crate) const ADMIN_IN_CAPSULE: u32 = 8192;

/// The opcode of fabrics commands.
const FABRICS: u8 = 0x7f;

/// Which header a PDU has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Header {
    /// The capsule of the request, not sealed yet.
    #[default]
    Unsealed,
    /// The capsule of the request.
    Capsule,
    /// The H2CData header of the sender's state.
    H2CData,
}

/// What the sender keeps for a request: the PDU that is being sent, and where it is.
pub(crate) struct SendState {
    header: Header,
    header_len: usize,
    /// Data in this PDU, in bytes.
    data_len: u32,
    /// If a digest follows the data: the CRC32C of those that have been put into the bounce buffer.
    crc: Option<u32>,
    /// How much of the PDU has been sent, in bytes.
    sent: usize,
    /// How much of the request's data has been put into PDUs, in bytes.
    data_sent: u32,
    h2c: H2cTransfer,
    h2c_header: [u8; H2CData::MAX_HEADER],
}

impl Default for SendState {
    fn default() -> Self {
        Self {
            header: Header::default(),
            header_len: 0,
            data_len: 0,
            crc: None,
            sent: 0,
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
    let room = if sqe::opcode(entry) == FABRICS {
        ADMIN_IN_CAPSULE
    } else {
        in_capsule
    };
    let sgl = if data_len == 0 {
        Sgl::Null
    } else if is_write && data_len <= room {
        Sgl::InCapsule {
            offset: 0,
            len: data_len,
        }
    } else {
        Sgl::Transport { len: data_len }
    };
    sqe::set_sgl1(entry, sgl);
    if matches!(sgl, Sgl::InCapsule { .. }) {
        state.data_len = data_len;
    }
}

/// The PDU of a request that is being sent.
impl SendRequest<Host> {
    /// Makes the PDU ready to be sent, if it is not.
    ///
    /// # Errors
    ///
    /// If a PDU of this size cannot be.
    pub(crate) fn seal(&mut self, layout: &Layout) -> Result<(), Error> {
        if self.header != Header::Unsealed {
            return Ok(());
        }
        let data_len = self.data_len;
        let (capsule, state) = self.parts_mut();
        state.header_len = CapsuleCmd::seal::<KernelCrc>(layout, data_len, capsule)?;
        state.header = Header::Capsule;
        self.take_data(layout);
        Ok(())
    }

    /// Follows the R2T `r2t`: the next PDU is the first that it asks for.
    ///
    /// # Errors
    ///
    /// If the R2T asks for what it may not.
    pub(crate) fn follow(&mut self, r2t: &R2T, layout: &Layout, max: u32) -> Result<(), Error> {
        let data_len = self.info().data_len;
        let sent = self.data_sent;
        self.h2c.r2t(r2t, data_len, sent)?;
        self.next_data(layout, max).map(|_| ())
    }

    /// Makes the next H2CData PDU of the R2T that is being followed; `false` if there is none.
    ///
    /// # Errors
    ///
    /// If a PDU of this size cannot be.
    pub(crate) fn next_data(&mut self, layout: &Layout, max: u32) -> Result<bool, Error> {
        let Some(pdu) = self.h2c.next(max) else {
            return Ok(false);
        };
        self.header_len = pdu.emit::<KernelCrc>(layout, &mut self.h2c_header)?;
        self.header = Header::H2CData;
        self.data_len = pdu.datal;
        self.sent = 0;
        self.take_data(layout);
        Ok(true)
    }

    /// Makes the next PDU of a request of which one has been sent, if there is one; otherwise the
    /// handle is given up.
    ///
    /// # Errors
    ///
    /// If an R2T asks for what it may not, or a PDU of this size cannot be.
    pub(crate) fn next_pdu(mut self, layout: &Layout, max: u32) -> Result<Option<Self>, Error> {
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

    /// Counts the data of the PDU as put into one.
    fn take_data(&mut self, layout: &Layout) {
        self.data_sent = self.data_sent.saturating_add(self.data_len);
        self.crc = (layout.digests.data && self.data_len > 0).then_some(CRC_SEED);
    }

    /// Where in the PDU its data end.
    fn data_end(&self) -> usize {
        self.header_len.saturating_add(self.data_len as usize)
    }

    /// Length of the PDU in bytes.
    fn pdu_len(&self) -> usize {
        self.data_end()
            .saturating_add(self.crc.map_or(0, |_| DIGEST_LEN))
    }

    /// Whether all of the PDU has been sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.header != Header::Unsealed && self.sent == self.pdu_len()
    }

    /// Whether a part of the PDU, but not all of it, has been sent.
    pub(crate) fn is_begun(&self) -> bool {
        self.sent > 0
    }

    /// What has not been sent of header, header digest and padding.
    fn unsent_header(&self) -> &[u8] {
        let header: &[u8] = match self.header {
            Header::H2CData => &self.h2c_header,
            Header::Capsule | Header::Unsealed => self.capsule(),
        };
        header.get(self.sent..self.header_len).unwrap_or_default()
    }

    /// How many bytes of data have not been sent.
    fn unsent_data_len(&self) -> usize {
        self.data_end()
            .saturating_sub(self.sent.max(self.header_len))
    }

    /// Adds what has not been sent of the PDU, on a connection whose data have no digests; `false`
    /// if there is no room for all of it.
    pub(crate) fn add_to<'data>(&'data self, segments: &mut Segments<'_, 'data>) -> bool {
        segments.add_bytes(self.unsent_header())
            && self.add_data_to(segments, self.unsent_data_len())
    }

    /// Copies what has not been sent of the PDU to `bounce`, and behind the data the digest of what
    /// was copied; `false` if there is no room for all of it.
    ///
    /// What is copied has to be counted as sent before this is called again.
    pub(crate) fn copy_to(&mut self, bounce: &mut Bounce) -> bool {
        if !bounce.put(self.unsent_header()) {
            return false;
        }
        let left = self.unsent_data_len();
        let data = bounce.put_with(left, |room| self.copy_data_to(room));
        let all = data.len() == left;
        let Some(crc) = self.crc else {
            return all;
        };
        let crc = KernelCrc::update(crc, data);
        self.crc = Some(crc);
        let digest = finish(crc);
        let digest_sent = self.sent.saturating_sub(self.data_end());
        all && bounce.put(digest.get(digest_sent..).unwrap_or_default())
    }

    /// Notes that up to `len` bytes have been sent; returns how many of them were of this PDU, and
    /// whether it is complete.
    pub(crate) fn sent(&mut self, len: usize) -> (usize, bool) {
        let data_at = |sent: usize| sent.clamp(self.header_len, self.data_end());
        let left = self.pdu_len().saturating_sub(self.sent);
        let taken = len.min(left);
        let after = self.sent.saturating_add(taken);
        let data = data_at(after).saturating_sub(data_at(self.sent));

        self.sent = after;
        self.advance(data);
        (taken, taken == left)
    }
}
