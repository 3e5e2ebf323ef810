// SPDX-License-Identifier: GPL-2.0

//! How commands end.
//!
//! C header: [`include/linux/nvme.h`](srctree/include/linux/nvme.h), `NVME_SC_*`.

use crate::bindings;

/// The status of a failed command, with its DNR bit, as C functions take it: not shifted, not
/// little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(u16);

/// Do Not Retry: the command will fail again.
const DNR: u32 = bindings::NVME_STATUS_DNR;

impl Status {
    /// A field of the command has a value that it must not have.
    pub(crate) const INVALID_FIELD: Self = Self::new(bindings::NVME_SC_INVALID_FIELD | DNR);
    /// The SGL describes more data, or less, than can be transferred.
    pub(crate) const SGL_INVALID_DATA: Self = Self::new(bindings::NVME_SC_SGL_INVALID_DATA | DNR);
    /// The SGL descriptor is of a type that is not supported.
    pub(crate) const SGL_INVALID_TYPE: Self = Self::new(bindings::NVME_SC_SGL_INVALID_TYPE | DNR);
    /// The SGL points outside of the data in the capsule.
    pub(crate) const SGL_INVALID_OFFSET: Self =
        Self::new(bindings::NVME_SC_SGL_INVALID_OFFSET | DNR);
    /// Something that the controller should have done failed. Worth another try.
    pub(crate) const INTERNAL: Self = Self::new(bindings::NVME_SC_INTERNAL);
    /// The transport damaged the data. Worth another try.
    pub(crate) const TRANSIENT_TRANSPORT: Self = Self::new(bindings::NVME_SC_TRANSIENT_TR_ERR);
    /// The controller is busy. Worth another try.
    pub(crate) const CONNECT_CTRL_BUSY: Self = Self::new(bindings::NVME_SC_CONNECT_CTRL_BUSY);
    /// The host may not connect. Worth another try: the next connection may be a better one.
    pub(crate) const CONNECT_INVALID_HOST: Self = Self::new(bindings::NVME_SC_CONNECT_INVALID_HOST);
    /// A parameter of a connect command is not acceptable.
    pub(crate) const CONNECT_INVALID_PARAM: Self =
        Self::new(bindings::NVME_SC_CONNECT_INVALID_PARAM | DNR);

    const fn new(status: u32) -> Self {
        Self(status as u16)
    }

    /// The number as C has it.
    pub(super) const fn as_raw(self) -> u16 {
        self.0
    }
}
