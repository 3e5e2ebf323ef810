// SPDX-License-Identifier: GPL-2.0

//! The wire layer's reasons in kernel log messages: the layer knows only `core`'s formatting.

use kernel::fmt;

use crate::wire;

impl fmt::Display for wire::Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for wire::TermReq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}
