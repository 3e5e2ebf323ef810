// SPDX-License-Identifier: GPL-2.0

//! A queue of a fixed size.

use kernel::prelude::*;

/// First in, first out, for as many elements as it was made for.
///
/// # Invariants
///
/// The first `len` places from `head` on, around the end, hold an element, and the others none.
pub(super) struct Ring<T> {
    places: KVVec<Option<T>>,
    head: usize,
    len: usize,
}

impl<T> Ring<T> {
    /// A queue for `capacity` elements. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(capacity: usize) -> Result<Self> {
        let mut places = KVVec::with_capacity(capacity, GFP_KERNEL)?;
        for _ in 0..capacity {
            places.push(None, GFP_KERNEL)?;
        }
        // INVARIANT: It is empty.
        Ok(Self {
            places,
            head: 0,
            len: 0,
        })
    }

    /// Makes room for `capacity` elements, if there is less. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, and nothing has changed.
    pub(super) fn grow(&mut self, capacity: usize) -> Result {
        if capacity > self.places.len() {
            let mut larger = Self::new(capacity)?;
            while let Some(element) = self.pop() {
                // There is room for all of them.
                let _ = larger.push(element);
            }
            *self = larger;
        }
        Ok(())
    }

    /// Adds an element at the end; hands it back if there is no room.
    pub(super) fn push(&mut self, element: T) -> Result<(), T> {
        let capacity = self.places.len();
        if self.len >= capacity {
            return Err(element);
        }
        // Neither is more than `capacity`, so this does not overflow.
        let at = self.head.wrapping_add(self.len) % capacity;
        match self.places.get_mut(at) {
            Some(place) => {
                *place = Some(element);
                // INVARIANT: The place behind the last one is taken now.
                self.len += 1;
                Ok(())
            }
            None => Err(element),
        }
    }

    /// Takes the first element.
    pub(super) fn pop(&mut self) -> Option<T> {
        let element = self.places.get_mut(self.head)?.take()?;
        // INVARIANT: The first place is free now. There was an element, so there are places.
        self.head = (self.head + 1) % self.places.len();
        self.len -= 1;
        Some(element)
    }
}
