//! What becomes of a panic: our bug, said once, with its cause, whatever thread it happens on.
//!
//! On the thread of a verb it unwinds to `main`. On the threads of a GPU it does not: CubeCL catches it there,
//! logs it and goes on, and what the lost task should have computed is whatever the memory held. So we listen
//! to that log and end the process at once; its sockets close, and the other ranks hear of it. Panics that
//! CubeCL makes errors of, as of a kernel that cannot be compiled and is not taken, are only remembered.

use crate::error::{Error, exit};
use std::any::Any;
use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::sync::{Mutex, OnceLock, PoisonError};
use trainer::device::{THREADS, lost, said, tells_of_full_memory};

/// What is known of a panic.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Panic {
    message: String,
    /// The name of its thread, where it has one.
    thread: Option<String>,
    /// ` (file:line:column)`, or nothing.
    place: String,
}

/// The newest panic that was not said: one on a GPU's threads.
static UNSAID: Mutex<Option<Panic>> = Mutex::new(None);

/// How the process answers its caller.
static JSON: OnceLock<bool> = OnceLock::new();

thread_local! {
    /// The newest panic of this thread.
    static NEWEST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// Says panics from now on; `json` as the command line has it.
pub fn install(json: bool) {
    let _ = JSON.set(json);
    std::panic::set_hook(Box::new(hear));
    // Whoever has set another logger is no part of this program.
    lost::hear(end_of_a_task);
}

/// What the verb ends with whose panic has unwound to `main`, and whether it was said already.
pub fn unwound(payload: &(dyn Any + Send)) -> (Error, bool) {
    let message = text(payload);
    let unsaid = UNSAID.lock().unwrap_or_else(PoisonError::into_inner).take();
    // A call that waited for a GPU's thread raises that thread's panic again, which no hook hears.
    match unsaid.filter(|panic| panic.message == message) {
        Some(panic) => (panic.error(None).with_hint(), false),
        None => {
            let place = String::new();
            (Panic { message, thread: None, place }.error(None), true)
        }
    }
}

/// The hook.
fn hear(info: &PanicHookInfo<'_>) {
    let panic = Panic {
        message: text(info.payload()),
        thread: std::thread::current().name().map(str::to_owned),
        place: info.location().map_or_else(String::new, |it| format!(" ({it})")),
    };
    NEWEST.with_borrow_mut(|newest| *newest = Some(panic.clone()));
    let mut unsaid = UNSAID.lock().unwrap_or_else(PoisonError::into_inner);
    if panic.is_of_the_gpu() {
        *unsaid = Some(panic);
        return;
    }
    eprintln!("{}", panic.error(unsaid.as_ref()).with_hint());
    let trace = std::backtrace::Backtrace::capture();
    if trace.status() == std::backtrace::BacktraceStatus::Captured {
        eprintln!("{trace}");
    }
}

/// What a panic was raised with.
fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    // One line: a supervisor keeps the last line of a rank that starts with `error:`.
    said(&text)
}

impl Panic {
    /// Whether it happened where CubeCL catches it: on a thread of a device, or among those without a name
    /// that compile kernels.
    fn is_of_the_gpu(&self) -> bool {
        const SOURCES: [&str; 5] =
            ["/cubecl-", "/cubek-", "/burn-cubecl", "/burn-fusion", "/pliron"];
        match &self.thread {
            Some(name) => THREADS.iter().any(|start| name.starts_with(start)),
            None => SOURCES.iter().any(|source| self.place.contains(source)),
        }
    }

    /// The panic as what the program says last; what a GPU's thread met before may be its reason.
    fn error(&self, before: Option<&Panic>) -> Error {
        let clauses = [Some(self), before].into_iter().flatten().map(Self::clause);
        let clauses: Vec<String> = clauses.collect();
        let said = clauses.join("; before that: ");
        let is_full = |it: &Panic| tells_of_full_memory(&it.message);
        if is_full(self) || before.is_some_and(is_full) {
            let message = format!("the device has too little memory: {said}");
            return Error::new(exit::BACKEND, message).hint(
                "`knowcoder plan` says what each phase needs; a smaller memory.budget_gib makes the plan \
                 smaller, and so do more ranks with a sharding of stage 1 or 2",
            );
        }
        Error::new(exit::BUG, format!("this is a bug in knowcoder: {said}"))
    }

    fn clause(&self) -> String {
        match &self.thread {
            Some(name) if name != "main" => {
                format!("{} (thread `{name}`){}", self.message, self.place)
            }
            _ => format!("{}{}", self.message, self.place),
        }
    }
}

impl Error {
    /// A bug of ours with what its finder can do.
    fn with_hint(self) -> Self {
        match self.hint {
            None => self.hint("please report it, with what RUST_BACKTRACE=1 adds"),
            Some(_) => self,
        }
    }
}

/// What becomes of the process when a task of a GPU's thread is lost.
fn end_of_a_task(words: &str) {
    // It is said on the thread of the panic.
    let panic = NEWEST.with_borrow(Clone::clone).unwrap_or_else(|| Panic {
        message: said(words),
        thread: std::thread::current().name().map(str::to_owned),
        place: String::new(),
    });
    end(&panic.error(None).with_hint());
}

/// Ends the process without its destructors: those of a GPU would wait for the thread that is lost.
fn end(error: &Error) -> ! {
    let code = crate::complain(error, JSON.get().copied().unwrap_or(false), false);
    // SAFETY: it does not return, and nothing of ours must be done before.
    unsafe { libc::_exit(i32::from(code)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use cubecl_common::device::{DeviceId, DeviceService, ServerUtilitiesHandle};
    use cubecl_common::device_handle::DeviceHandle;
    use expect_test::{Expect, expect};
    use std::process::Command;
    use std::sync::Arc;
    use std::time::Duration;

    /// What a process says and ends with in which a case of [`child`] happens. The number of a line that
    /// panics is left out.
    fn check(case: &str, expected: Expect) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "panics::tests::child", "--ignored", "--nocapture"])
            .env("KNOWCODER_TEST_PANIC", case)
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let mut lines: Vec<String> = Vec::new();
        for line in said.lines().filter(|line| !line.trim().is_empty()) {
            let mut parts = line.split("panics.rs:");
            let mut text = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                text += part.trim_start_matches(|it: char| it.is_ascii_digit() || it == ':');
            }
            lines.push(text);
        }
        lines.push(format!("exit code {}", output.status.code().unwrap_or(-1)));
        expected.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn a_lost_task_ends_the_process_with_its_cause() {
        check(
            "lost",
            expect![[r#"
                error: this is a bug in knowcoder: the kernel is gone (thread `DSD-900-0`) (launcher/src/)
                hint: please report it, with what RUST_BACKTRACE=1 adds
                exit code 70"#]],
        );
        check(
            "full",
            expect![[r#"
                error: the device has too little memory: CUDA_ERROR_OUT_OF_MEMORY (thread `DSD-900-0`) (launcher/src/)
                hint: `knowcoder plan` says what each phase needs; a smaller memory.budget_gib makes the plan smaller, and so do more ranks with a sharding of stage 1 or 2
                exit code 69"#]],
        );
    }

    #[test]
    fn a_read_of_what_had_no_room_is_want_of_memory() {
        check(
            "unwritten",
            expect![[r#"
                error: the device has too little memory: The bytes were never written (failure #3, still claiming 2 buffer(s)): out of device memory allocating 528482304 bytes (thread `verb`) (launcher/src/)
                hint: `knowcoder plan` says what each phase needs; a smaller memory.budget_gib makes the plan smaller, and so do more ranks with a sharding of stage 1 or 2
                exit code 69"#]],
        );
        check(
            "too big",
            expect![[r#"
                error: the device has too little memory: can't allocate buffer of size: 528482304 (thread `DSD-900-0`) (launcher/src/)
                hint: `knowcoder plan` says what each phase needs; a smaller memory.budget_gib makes the plan smaller, and so do more ranks with a sharding of stage 1 or 2
                exit code 69"#]],
        );
    }

    #[test]
    fn what_is_raised_again_is_said_once() {
        check(
            "awaited",
            expect![[r#"
                error: this is a bug in knowcoder: the kernel is gone (thread `DSD-900-0`) (launcher/src/)
                hint: please report it, with what RUST_BACKTRACE=1 adds
                exit code 70"#]],
        );
    }

    #[test]
    fn what_is_caught_on_purpose_ends_nothing() {
        check("caught", expect![[r#"exit code 0"#]]);
        // It may still be why something fails later.
        check(
            "later",
            expect![[r#"
                error: this is a bug in knowcoder: no result (thread `verb`) (launcher/src/); before that: no such kernel (thread `DSD-900-0`) (launcher/src/)
                hint: please report it, with what RUST_BACKTRACE=1 adds
                exit code 70"#]],
        );
    }

    /// As a read ends of what no memory could be found for.
    const UNWRITTEN: &str = "Error while reading data: use `try_into_data` instead to catch the error at runtime: \
        An error happened during execution\nCaused by:\n  The bytes were never written (failure #3, still claiming 2 \
        buffer(s))\nCaused by:\n  An IO error happened\nCaused by:\n  out of device memory allocating 528482304 bytes\n\
        No backtrace available\nAsked at:\nNo backtrace available";

    /// A device of CubeCL's with its real thread, and nothing on it.
    struct Service;

    impl DeviceService for Service {
        fn init(_: DeviceId) -> Self {
            Self
        }

        fn utilities(&self) -> ServerUtilitiesHandle {
            Arc::new(())
        }
    }

    /// Ends as `main` does when a verb panics with these words.
    fn unwind(words: &'static str) -> ! {
        let verb = std::thread::Builder::new().name("verb".to_owned());
        let payload = verb.spawn(move || panic!("{words}")).unwrap().join().unwrap_err();
        let (error, said) = unwound(payload.as_ref());
        assert!(said);
        // SAFETY: as in `end`.
        unsafe { libc::_exit(i32::from(error.code)) }
    }

    #[test]
    #[ignore = "started by the tests above, in a process of its own"]
    fn child() {
        let Ok(case) = std::env::var("KNOWCODER_TEST_PANIC") else { return };
        install(false);
        let device = DeviceHandle::<Service>::new(DeviceId { type_id: 900, index_id: 0 });
        let submit = |task: fn()| {
            device.submit(move |_| task());
            device.flush_queue();
        };
        let caught = || {
            let _ = std::panic::catch_unwind(|| panic!("no such kernel"));
        };
        match case.as_str() {
            "lost" => submit(|| panic!("the kernel is gone")),
            "full" => submit(|| panic!("CUDA_ERROR_OUT_OF_MEMORY")),
            "awaited" => {
                let error = device.submit_blocking(|_| panic!("the kernel is gone")).unwrap_err();
                let (error, said) = unwound(error.into_panic().unwrap().as_ref());
                assert!(!said);
                end(&error);
            }
            "caught" => {
                device.submit_blocking(move |_| caught()).unwrap();
                std::process::exit(0);
            }
            "too big" => submit(|| {
                panic!(
                    "An IO error happened\nCaused by:\n  can't allocate buffer of size: 528482304"
                )
            }),
            "unwritten" => unwind(UNWRITTEN),
            "later" => {
                device.submit_blocking(move |_| caught()).unwrap();
                unwind("no result");
            }
            other => panic!("no case {other}"),
        }
        // The process ends meanwhile.
        std::thread::sleep(Duration::from_secs(60));
    }
}
