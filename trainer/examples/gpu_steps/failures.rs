//! What fails: on which thread it may, nothing that failed is ever timed as if it were fast.

use crate::Failure;
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use trainer::device::{lost, tells_of_full_memory};

/// The device has too little memory: `measure.py` counts on it.
const OUT_OF_MEMORY: u8 = 3;
const FAILED: u8 = 1;
const BROKEN: u8 = 70;

/// A panic that was caught.
#[derive(Debug)]
struct Panicked(String);

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Panicked {}

thread_local! {
    /// The newest panic of this thread.
    static NEWEST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on panics are said where they happen, and a task that a GPU's thread loses ends the process.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        let thread = std::thread::current().name().unwrap_or("without a name").to_owned();
        let place = info.location().map_or_else(String::new, |place| format!(" ({place})"));
        let said = format!("{} (thread `{thread}`){place}", text(info.payload()));
        eprintln!("panic: {said}");
        NEWEST.with_borrow_mut(|newest| *newest = Some(said));
    }));
    lost::hear(|said| {
        let cause = NEWEST.with_borrow(Clone::clone).unwrap_or_else(|| said.to_owned());
        eprintln!("the device has lost a task: {cause}");
        let code = if tells_of_full_memory(&cause) { OUT_OF_MEMORY } else { BROKEN };
        // SAFETY: it does not return; destructors would wait for the thread that is lost.
        unsafe { libc::_exit(i32::from(code)) }
    });
}

/// `work`, a panic of which is a failure like any other.
pub fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|payload| Err(Panicked(text(payload.as_ref())).into()))
}

/// The same; `None` where the device has too little memory for it, with the reason on standard error.
pub fn fitting<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<Option<T>, Failure> {
    match caught(work) {
        Err(failure) if tells_of_full_memory(&failure.to_string()) => {
            eprintln!("does not fit into the device's memory: {failure}");
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// What the process ends with.
pub fn told(result: Result<(), Failure>) -> ExitCode {
    let Err(failure) = result else { return ExitCode::SUCCESS };
    eprintln!("error: {failure}");
    let code = if tells_of_full_memory(&failure.to_string()) {
        OUT_OF_MEMORY
    } else if failure.is::<Panicked>() {
        BROKEN
    } else {
        FAILED
    };
    ExitCode::from(code)
}

/// Whether a failure with this text is want of memory.
/// What a panic was raised with, in one line.
fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned()).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn want_of_memory_is_no_other_failure() {
        // As the tensor library says it where a buffer is read that was never there.
        let full = "Error while reading data: out of device memory allocating 8388608 bytes";
        assert!(fitting::<()>(|| panic!("{full}")).unwrap().is_none());
        assert!(fitting::<()>(|| Err(full.into())).unwrap().is_none());
        assert_eq!(fitting(|| Ok(7)).unwrap(), Some(7));
        let other = fitting::<()>(|| panic!("no such kernel")).unwrap_err();
        assert!(other.is::<Panicked>());
        assert_eq!(other.to_string(), "no such kernel");
    }
}
