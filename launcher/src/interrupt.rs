//! Ctrl-C and its relatives: the first asks, the second insists.
//!
//! The launcher hears of them as events beside all others; a rank, which computes, looks at a flag
//! between two steps.

use crate::error::exit;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

const SIGNALS: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// The requests to stop that reach the launcher.
#[derive(Debug)]
pub struct Interrupts {
    receiver: mpsc::UnboundedReceiver<()>,
    listened: Vec<libc::c_int>,
}

impl Interrupts {
    /// Listens to SIGINT, SIGTERM and SIGHUP until this is dropped.
    ///
    /// A signal that is ignored stays so: `nohup knowcoder run` outlives its terminal.
    pub fn listen() -> io::Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let listened: Vec<_> = SIGNALS.into_iter().filter(|it| !is_ignored(*it)).collect();
        for &number in &listened {
            let mut stream = signal(SignalKind::from_raw(number))?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while stream.recv().await.is_some() && sender.send(()).is_ok() {}
            });
        }
        Ok(Self { receiver, listened })
    }

    /// Waits for the next request.
    pub async fn next(&mut self) {
        if self.receiver.recv().await.is_none() {
            // Nobody can ask any more.
            std::future::pending::<()>().await;
        }
    }

    /// Requests that a test sends.
    #[cfg(test)]
    pub fn by_hand() -> (mpsc::UnboundedSender<()>, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Self { receiver, listened: Vec::new() })
    }
}

impl Drop for Interrupts {
    /// From here on a signal does again what it does to any program.
    fn drop(&mut self) {
        for &number in &self.listened {
            // SAFETY: resetting a disposition has no precondition.
            unsafe { libc::signal(number, libc::SIG_DFL) };
        }
    }
}

fn is_ignored(number: libc::c_int) -> bool {
    // SAFETY: with a null action, the current one is only read into zeroed memory of its type.
    unsafe {
        let mut current: libc::sigaction = std::mem::zeroed();
        libc::sigaction(number, std::ptr::null(), &mut current) == 0
            && current.sa_sigaction == libc::SIG_IGN
    }
}

/// What is said when a signal ends the process at once.
static LAST_WORDS: OnceLock<String> = OnceLock::new();

/// From here on a request to stop says `words` and ends the process with [`exit::STOPPED`]: for work
/// that leaves only complete files behind, wherever it is cut.
pub fn end_at_once(words: &str) {
    extern "C" fn end(_signal: libc::c_int) {
        let words = LAST_WORDS.get().map_or("", String::as_str);
        // SAFETY: `write` and `_exit` are allowed in a signal handler, and the bytes live for ever.
        unsafe {
            libc::write(libc::STDERR_FILENO, words.as_ptr().cast(), words.len());
            libc::_exit(exit::STOPPED.into());
        }
    }
    let _ = LAST_WORDS.set(format!("\n{words}\n"));
    for number in SIGNALS.into_iter().filter(|it| !is_ignored(*it)) {
        // SAFETY: the handler does only what a handler may.
        unsafe { libc::signal(number, end as extern "C" fn(libc::c_int) as libc::sighandler_t) };
    }
}

/// Takes [`end_at_once`] back.
pub fn end_by_default() {
    for number in SIGNALS.into_iter().filter(|it| !is_ignored(*it)) {
        // SAFETY: resetting a disposition has no precondition.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
}

static STOP: AtomicBool = AtomicBool::new(false);

/// A flag that the first SIGTERM or SIGINT sets; the second one ends the process.
pub fn stop_flag() -> io::Result<&'static AtomicBool> {
    extern "C" fn set(_signal: libc::c_int) {
        STOP.store(true, Ordering::Relaxed);
    }
    for number in [libc::SIGTERM, libc::SIGINT] {
        // SAFETY: `action` is zeroed memory of a C struct for which zero is valid, and the handler
        // does nothing but an atomic store, which is allowed in a signal handler.
        let result = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = set as extern "C" fn(libc::c_int) as usize;
            action.sa_flags = libc::SA_RESTART | libc::SA_RESETHAND;
            libc::sigaction(number, &action, std::ptr::null_mut())
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(&STOP)
}
