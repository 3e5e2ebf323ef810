// SPDX-License-Identifier: GPL-2.0

//! A field of a PDU header: its offset, its width and its name, said once.
//!
//! The offset is part of the type, so that the compiler refuses a field that does not lie within
//! the header it is read from, and reading cannot fail at run time.

use core::marker::PhantomData;

use super::{
    error::Error,
    reason::{
        Reason,
        Rule, //
    }, //
};

/// Returns the `LEN` bytes at offset `AT`.
pub(super) fn get<const AT: usize, const LEN: usize, const N: usize>(
    header: &[u8; N],
) -> [u8; LEN] {
    const { assert!(AT + LEN <= N) };
    match header.get(AT..).and_then(|tail| tail.first_chunk()) {
        Some(bytes) => *bytes,
        // Not reachable, by the assertion above; the compiler sees it and drops the branch.
        None => [0; LEN],
    }
}

/// Stores `bytes` at offset `AT`.
pub(super) fn put<const AT: usize, const LEN: usize, const N: usize>(
    header: &mut [u8; N],
    bytes: [u8; LEN],
) {
    const { assert!(AT + LEN <= N) };
    if let Some(to) = header.get_mut(AT..).and_then(|tail| tail.first_chunk_mut()) {
        *to = bytes;
    }
}

/// An integer as it stands in a header: little-endian, always.
pub(super) trait Int: Copy + Into<u32> {
    /// Reads the integer at offset `AT`.
    fn get<const AT: usize, const N: usize>(header: &[u8; N]) -> Self;

    /// Writes the integer at offset `AT`.
    fn put<const AT: usize, const N: usize>(self, header: &mut [u8; N]);
}

macro_rules! impl_int {
    ($($int:ty),*) => {$(
        impl Int for $int {
            fn get<const AT: usize, const N: usize>(header: &[u8; N]) -> Self {
                Self::from_le_bytes(get::<AT, { size_of::<Self>() }, N>(header))
            }

            fn put<const AT: usize, const N: usize>(self, header: &mut [u8; N]) {
                put::<AT, { size_of::<Self>() }, N>(header, self.to_le_bytes());
            }
        }
    )*};
}

impl_int!(u8, u16, u32);

/// A field of type `T` at offset `AT`.
pub(super) struct Field<T, const AT: usize> {
    name: &'static str,
    _type: PhantomData<T>,
}

impl<T: Int, const AT: usize> Field<T, AT> {
    /// The field that the specification calls `name`.
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            _type: PhantomData,
        }
    }

    /// The offset in bytes, as a TermReq names it.
    pub(super) const fn offset(&self) -> u32 {
        AT as u32
    }

    /// Reads the field.
    pub(super) fn get<const N: usize>(&self, header: &[u8; N]) -> T {
        T::get::<AT, N>(header)
    }

    /// Writes the field.
    pub(super) fn put<const N: usize>(&self, header: &mut [u8; N], value: T) {
        value.put::<AT, N>(header);
    }

    /// That the field has the value `got`, against the rule.
    pub(super) fn reason(&self, got: T, rule: Rule) -> Reason {
        Reason::Field {
            name: self.name,
            got: got.into(),
            rule,
        }
    }

    /// The error for an illegal value.
    pub(super) fn invalid(&self, got: T, rule: Rule) -> Error {
        Error::header(self.offset(), self.reason(got, rule))
    }

    /// The error for a value that is legal but not supported.
    pub(super) fn unsupported(&self, got: T, rule: Rule) -> Error {
        Error::unsupported(self.offset(), self.reason(got, rule))
    }
}
