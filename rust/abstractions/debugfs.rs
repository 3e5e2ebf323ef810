// SPDX-License-Identifier: GPL-2.0

//! Files of debugfs that text can be read from.
//!
//! `kernel::debugfs` has no owner for its files: one that somebody holds open is closed by a
//! function pointer in the memory of a module that may be gone by then. Those here keep their
//! module until they are closed, as those of C do.
//!
//! C header: [`include/linux/debugfs.h`](srctree/include/linux/debugfs.h)

use core::{
    marker::PhantomData,
    ptr::null_mut, //
};

use kernel::{
    bindings as kernel_bindings,
    ffi::{
        c_int,
        c_void, //
    },
    fmt,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::Arc,
    ModuleMetadata, //
};

/// What a file shows.
pub trait Show: Send + Sync + 'static {
    /// The module that this is part of.
    type Module: ModuleMetadata;

    /// Writes the text; may sleep, but must not wait for whoever drops the [`File`]. Called again
    /// if there was not enough room.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// An entry, which is removed when this is dropped. Failing to make one is no error, as nobody
/// needs it: then there is none.
///
/// # Invariants
///
/// It is null, an error pointer, or an entry that nobody else removes.
struct Entry(*mut kernel_bindings::dentry);

// SAFETY: Any task may remove an entry.
unsafe impl Send for Entry {}
// SAFETY: An entry that is shared is a parent, for which C locks what it needs.
unsafe impl Sync for Entry {}

impl Drop for Entry {
    fn drop(&mut self) {
        // SAFETY: By the invariant; C ignores what is no entry. It waits for those who read.
        #[cfg(CONFIG_DEBUG_FS)]
        unsafe {
            kernel_bindings::debugfs_remove(self.0)
        };
    }
}

/// A directory, removed when neither this nor what is in it is there any more.
#[derive(Clone)]
pub struct Dir(Arc<DirEntry>);

struct DirEntry {
    entry: Entry,
    /// Removed after the entry.
    _parent: Option<Dir>,
}

impl Dir {
    /// Makes a directory, in `parent` or at the root. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(name: &CStr, parent: Option<&Dir>) -> Result<Self> {
        let raw = parent.map_or(null_mut(), |dir| dir.0.entry.0);
        #[cfg(CONFIG_DEBUG_FS)]
        // SAFETY: The name ends with a NUL, and the parent is there as long as `parent`, or null.
        let raw = unsafe { kernel_bindings::debugfs_create_dir(name.as_char_ptr(), raw) };
        #[cfg(not(CONFIG_DEBUG_FS))]
        let _ = name;
        let dir = DirEntry {
            // INVARIANT: It is the one that was made, or none.
            entry: Entry(raw),
            _parent: parent.cloned(),
        };
        Ok(Self(Arc::new(dir, GFP_KERNEL)?))
    }
}

/// A file that root can read, removed when this is dropped, which waits for whoever reads it.
pub struct File<T: Show> {
    /// Dropped first: then nobody reads `_data` any more.
    _entry: Entry,
    _dir: Dir,
    _data: Arc<T>,
}

impl<T: Show> File<T> {
    /// Makes a file in `dir` that shows `data`. May sleep.
    pub fn new(dir: &Dir, name: &CStr, data: Arc<T>) -> Self {
        #[cfg(CONFIG_DEBUG_FS)]
        // SAFETY: The name ends with a NUL; the parent is there as long as `dir`, which is kept;
        // the operations are static, and take a pointer to a `T`, which is kept, too.
        let raw = unsafe {
            kernel_bindings::debugfs_create_file_full(
                name.as_char_ptr(),
                0o400,
                dir.0.entry.0,
                Arc::as_ptr(&data).cast_mut().cast(),
                core::ptr::null(),
                &FileOps::<T>::OPS,
            )
        };
        #[cfg(not(CONFIG_DEBUG_FS))]
        let raw = null_mut();
        #[cfg(not(CONFIG_DEBUG_FS))]
        let _ = name;
        Self {
            // INVARIANT: It is the one that was made, or none.
            _entry: Entry(raw),
            _dir: dir.clone(),
            _data: data,
        }
    }
}

#[cfg_attr(not(CONFIG_DEBUG_FS), allow(dead_code))]
struct FileOps<T>(PhantomData<T>);

#[cfg_attr(not(CONFIG_DEBUG_FS), allow(dead_code))]
impl<T: Show> FileOps<T> {
    const OPS: kernel_bindings::file_operations = kernel_bindings::file_operations {
        owner: <T::Module as ModuleMetadata>::THIS_MODULE.as_ptr(),
        open: Some(Self::open),
        read: Some(kernel_bindings::seq_read),
        llseek: Some(kernel_bindings::seq_lseek),
        release: Some(kernel_bindings::single_release),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// C calls this with a file that is being opened, of a [`File<T>`].
    unsafe extern "C" fn open(
        inode: *mut kernel_bindings::inode,
        file: *mut kernel_bindings::file,
    ) -> c_int {
        // SAFETY: By the contract of this function both are valid.
        let data = unsafe { (*inode).i_private };
        // SAFETY: The file is not open yet; `show` takes what `File::new` has put there.
        unsafe { kernel_bindings::single_open(file, Some(Self::show), data) }
    }

    /// # Safety
    ///
    /// C calls this while a [`File<T>`] is there, whose data are the private part of `seq`.
    unsafe extern "C" fn show(seq: *mut kernel_bindings::seq_file, _: *mut c_void) -> c_int {
        // SAFETY: By the contract of this function it is valid.
        let data = unsafe { (*seq).private }.cast::<T>();
        // SAFETY: By the contract of this function the data are there until this returns.
        let data = unsafe { &*data };
        // SAFETY: By the contract of this function it is valid, and nobody else uses it.
        let seq = unsafe { SeqFile::from_raw(seq) };
        seq_print!(seq, "{}", Shown(data));
        0
    }
}

struct Shown<'a, T>(&'a T);

impl<T: Show> fmt::Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}
