// SPDX-License-Identifier: GPL-2.0

//! Lists that link their elements through a field of the elements.
//!
//! Elements are handles: values that own an object which stays in place, and through which alone
//! the object's link is used.
//!
//! C header: [`include/linux/llist.h`](srctree/include/linux/llist.h)

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use kernel::{
    bindings as kernel_bindings,
    types::Opaque, //
};

use crate::bindings;

/// A link, one for each list that an object may be on at a time.
pub type Link = kernel_bindings::llist_node;

/// A handle that can be put on a list.
///
/// # Safety
///
/// The link that [`Linked::into_link`] returns stays valid and is used by nobody else until
/// [`Linked::from_link`] is called for it.
pub unsafe trait Linked: Send + Sized {
    /// Gives the handle to a list.
    fn into_link(self) -> NonNull<Link>;

    /// Takes the handle back.
    ///
    /// # Safety
    ///
    /// `link` came from [`Linked::into_link`], and was not given back since.
    unsafe fn from_link(link: NonNull<Link>) -> Self;
}

/// A list that anybody may push to at any time, without locks, and that is emptied as a whole.
///
/// # Invariants
///
/// Every link on the list came from [`Linked::into_link`].
pub struct Inbox<T: Linked> {
    head: Opaque<kernel_bindings::llist_head>,
    _elements: PhantomData<T>,
}

// SAFETY: Whoever has it has its elements, which may be sent.
unsafe impl<T: Linked> Send for Inbox<T> {}
// SAFETY: Pushing and taking are atomic operations on `head`, and elements may be sent.
unsafe impl<T: Linked> Sync for Inbox<T> {}

impl<T: Linked> Inbox<T> {
    /// An empty list.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        // INVARIANT: It is empty.
        Self {
            head: Opaque::new(kernel_bindings::llist_head {
                first: core::ptr::null_mut(),
            }),
            _elements: PhantomData,
        }
    }

    /// Adds an element. Returns whether the list was empty. From any context.
    pub fn push(&self, element: T) -> bool {
        // INVARIANT: It comes from `into_link`.
        let link = element.into_link().as_ptr();
        // SAFETY: The link is valid and ours to give; the head is initialised.
        unsafe { bindings::helper_llist_add(link, self.head.get()) }
    }

    /// Whether the list is empty at this moment.
    pub fn is_empty(&self) -> bool {
        // SAFETY: The head is part of `self`.
        let first = unsafe { &raw const (*self.head.get()).first };
        // SAFETY: The head is initialised. C too looks at the pointer, which is only ever written
        // as a whole, while others write it.
        unsafe { first.read_volatile() }.is_null()
    }

    /// Moves everything to the end of `fifo`, the oldest first.
    pub fn drain_into(&self, fifo: &mut Fifo<T>) {
        // SAFETY: The head is initialised.
        let newest = unsafe { bindings::helper_llist_del_all(self.head.get()) };
        // SAFETY: What was taken off the list is ours alone.
        let mut link = unsafe { kernel_bindings::llist_reverse_order(newest) };
        while let Some(this) = NonNull::new(link) {
            // SAFETY: By the invariant of the list `this` is a valid link; it is ours since it was
            // taken off.
            link = unsafe { this.as_ref() }.next;
            fifo.push_link(this);
        }
    }
}

impl<T: Linked> Drop for Inbox<T> {
    fn drop(&mut self) {
        let mut rest = Fifo::new();
        self.drain_into(&mut rest);
    }
}

/// A queue with one owner.
///
/// # Invariants
///
/// `head` leads through `next` to `tail`, whose `next` is null; both are `None` if it is empty.
/// Every link came from [`Linked::into_link`].
pub struct Fifo<T: Linked> {
    head: Option<NonNull<Link>>,
    tail: Option<NonNull<Link>>,
    _elements: PhantomData<T>,
}

// SAFETY: Elements may be sent, and the queue has one owner.
unsafe impl<T: Linked> Send for Fifo<T> {}

impl<T: Linked> Fifo<T> {
    /// An empty queue.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        // INVARIANT: It is empty.
        Self {
            head: None,
            tail: None,
            _elements: PhantomData,
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    fn push_link(&mut self, mut link: NonNull<Link>) {
        // INVARIANT: `link` becomes the last.
        // SAFETY: The callers give a link that is valid and on no list.
        unsafe { link.as_mut().next = core::ptr::null_mut() };
        match self.tail {
            // SAFETY: By the invariant `tail` is a valid link, which the queue alone uses.
            Some(mut tail) => unsafe { tail.as_mut().next = link.as_ptr() },
            None => self.head = Some(link),
        }
        self.tail = Some(link);
    }

    /// Adds an element at the end.
    pub fn push(&mut self, element: T) {
        self.push_link(element.into_link());
    }

    /// Puts an element before all others.
    pub fn push_front(&mut self, element: T) {
        let mut link = element.into_link();
        let next = self.head.map_or(core::ptr::null_mut(), NonNull::as_ptr);
        // INVARIANT: `link` becomes the first, and if there is no other the last, too.
        // SAFETY: The link was just given to this queue: it is valid, and on no list.
        unsafe { link.as_mut().next = next };
        self.head = Some(link);
        if self.tail.is_none() {
            self.tail = Some(link);
        }
    }

    /// Takes the first element.
    pub fn pop(&mut self) -> Option<T> {
        let link = self.head?;
        // INVARIANT: The second becomes the first.
        // SAFETY: By the invariant `link` is a valid link, which the queue alone uses.
        self.head = NonNull::new(unsafe { link.as_ref() }.next);
        if self.head.is_none() {
            self.tail = None;
        }
        // SAFETY: By the invariant it came from `into_link`, and it is off the queue.
        Some(unsafe { T::from_link(link) })
    }
}

impl<T: Linked> Drop for Fifo<T> {
    fn drop(&mut self) {
        while let Some(element) = self.pop() {
            drop(element);
        }
    }
}
