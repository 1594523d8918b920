//! Ctrl-C and its relatives: the first asks, the second insists. SIGUSR2 asks to save and go on.
//!
//! The launcher hears of them as events beside all others; a rank, which computes, looks at a flag
//! between two steps.

use crate::error::exit;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use trainer::requests::Requests;

const SIGNALS: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// Asks to save and go on.
const SAVE: libc::c_int = libc::SIGUSR2;

/// What the launcher is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To stop.
    Stop,
    /// To save and go on.
    Save,
}

/// The requests that reach the launcher.
#[derive(Debug)]
pub struct Interrupts {
    receiver: mpsc::UnboundedReceiver<Request>,
    listened: Vec<libc::c_int>,
}

impl Interrupts {
    /// Listens to SIGINT, SIGTERM, SIGHUP and SIGUSR2 until this is dropped.
    ///
    /// A signal that stops and that is ignored stays so: `nohup knowcoder run` outlives its terminal.
    pub fn listen() -> io::Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let listened: Vec<_> = SIGNALS.into_iter().filter(|it| !is_ignored(*it)).collect();
        let stops = listened.iter().map(|number| (*number, Request::Stop));
        for (number, request) in stops.chain([(SAVE, Request::Save)]) {
            let mut stream = signal(SignalKind::from_raw(number))?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while stream.recv().await.is_some() && sender.send(request).is_ok() {}
            });
        }
        Ok(Self { receiver, listened })
    }

    /// Whether somebody has asked to stop since the last look.
    pub fn asked_to_stop(&mut self) -> bool {
        let mut asked = false;
        while let Ok(request) = self.receiver.try_recv() {
            asked |= request == Request::Stop;
        }
        asked
    }

    /// Waits for the next request.
    pub async fn next(&mut self) -> Request {
        match self.receiver.recv().await {
            Some(request) => request,
            // Nobody can ask any more.
            None => std::future::pending().await,
        }
    }

    /// Requests that a test sends.
    #[cfg(test)]
    pub fn by_hand() -> (mpsc::UnboundedSender<Request>, Self) {
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
        ignore_save();
    }
}

/// A request to save where there is nothing to save is no reason to end.
pub fn ignore_save() {
    // SAFETY: ignoring a signal has no precondition.
    unsafe { libc::signal(SAVE, libc::SIG_IGN) };
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

/// Work that leaves only complete files behind wherever it is cut, and that somebody shall hear of: until this is
/// dropped, a signal or a file that asks for a stop ends the process behind some last words.
#[derive(Debug)]
pub struct Cut {
    over: Arc<AtomicBool>,
}

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

impl Cut {
    /// From here on; `last` hears whether it was the file at `stop`, and says what the process ends with.
    pub fn allow(stop: PathBuf, last: impl FnOnce(bool) -> u8 + Send + 'static) -> Self {
        extern "C" fn set(_signal: libc::c_int) {
            CUT.store(true, Ordering::Relaxed);
        }
        for number in SIGNALS.into_iter().filter(|it| !is_ignored(*it)) {
            // SAFETY: the handler does only what a handler may.
            unsafe {
                libc::signal(number, set as extern "C" fn(libc::c_int) as libc::sighandler_t)
            };
        }
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let by_file = stop.exists();
                if by_file || CUT.load(Ordering::Relaxed) {
                    let code = last(by_file);
                    // SAFETY: ends the process; the work is complete wherever it is, and nobody waits for it.
                    unsafe { libc::_exit(code.into()) };
                }
                std::thread::sleep(PAUSE);
            }
        });
        Self { over }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        end_by_default();
        // What has come already is still heard: the watch ends the process.
        while CUT.load(Ordering::Relaxed) {
            std::thread::sleep(PAUSE);
        }
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Whether a signal asked to cut the work.
static CUT: AtomicBool = AtomicBool::new(false);

static REQUESTS: Requests = Requests::new();

/// A flag that the first SIGTERM or SIGINT sets; the second one ends the process.
pub fn stop_flag() -> io::Result<&'static AtomicBool> {
    extern "C" fn set(_signal: libc::c_int) {
        REQUESTS.stop.store(true, Ordering::Relaxed);
    }
    for number in [libc::SIGTERM, libc::SIGINT] {
        handle(number, set, libc::SA_RESETHAND)?;
    }
    Ok(&REQUESTS.stop)
}

/// The same flag, and one that each SIGUSR2 sets.
pub fn requests() -> io::Result<&'static Requests> {
    extern "C" fn set(_signal: libc::c_int) {
        REQUESTS.save.store(true, Ordering::Relaxed);
    }
    stop_flag()?;
    handle(SAVE, set, 0)?;
    Ok(&REQUESTS)
}

/// `handler` does nothing but what a signal handler may.
fn handle(
    number: libc::c_int,
    handler: extern "C" fn(libc::c_int),
    flags: libc::c_int,
) -> io::Result<()> {
    // SAFETY: `action` is zeroed memory of a C struct for which zero is valid, and the handlers of this
    // file do nothing but an atomic store, which is allowed in a signal handler.
    let result = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_RESTART | flags;
        libc::sigaction(number, &action, std::ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
