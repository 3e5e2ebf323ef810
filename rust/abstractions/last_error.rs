// SPDX-License-Identifier: GPL-2.0

//! The last error of something, kept for whoever looks at it.

use kernel::{
    fmt::{
        self,
        Write as _, //
    },
    new_spinlock,
    prelude::*,
    str::Formatter,
    sync::SpinLock,
    time::{
        Instant,
        Monotonic, //
    }, //
};

/// The longest message that is kept, in bytes.
const LEN: usize = 120;

#[derive(Clone, Copy)]
struct Message {
    at: Instant<Monotonic>,
    text: [u8; LEN],
    len: usize,
}

/// The last error that there was, if there was one. Shown as how long ago it was, and what.
#[pin_data]
pub struct LastError {
    #[pin]
    message: SpinLock<Option<Message>>,
}

impl LastError {
    /// None yet.
    pub fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            message <- new_spinlock!(None, "nvme_mptcp::LastError::message"),
        })
    }

    /// Keeps a message, as far as there is room. Does not sleep, nor allocate.
    pub fn keep(&self, error: fmt::Arguments<'_>) {
        let mut text = [0; LEN];
        let mut out = Formatter::new(&mut text);
        // What does not fit is left out.
        let _ = out.write_fmt(error);
        let len = out.bytes_written().min(LEN);
        *self.message.lock() = Some(Message {
            at: Instant::now(),
            text,
            len,
        });
    }
}

impl fmt::Display for LastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = *self.message.lock();
        let Some(message) = message else {
            return f.write_str("none");
        };
        let ago = message.at.elapsed().as_millis();
        let text = message.text.get(..message.len).unwrap_or_default();
        // Its end may have been cut in the middle of a character.
        let text = core::str::from_utf8(text).unwrap_or("?");
        write!(f, "{}.{:03} s ago: {text}", ago / 1000, ago % 1000)
    }
}
