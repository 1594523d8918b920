//! Ranks are shell scripts here: they say, exit, hang and die as the table says.

#![allow(clippy::unwrap_used)]

mod hangs;

use super::*;
use crate::agent::Call;
use crate::interrupt::Request;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use tokio::sync::mpsc;

/// What became of a job, and what was written about it.
struct Outcome {
    ending: Ending,
    seconds: f64,
    events: String,
    logs: Vec<String>,
    shown: String,
    status: String,
}

/// Runs one script a rank; `act` may interrupt.
fn run<A>(scripts: &[&str], act: A) -> Outcome
where
    A: AsyncFnOnce(mpsc::UnboundedSender<Request>) + 'static,
{
    run_on(scripts, false, async |interrupt, _calls| act(interrupt).await)
}

/// The same on a node that `is_home` to the coordinator, or is not; `act` may also ask its agent to end.
fn run_on<A>(scripts: &[&str], is_home: bool, act: A) -> Outcome
where
    A: AsyncFnOnce(mpsc::UnboundedSender<Request>, mpsc::UnboundedSender<Call>) + 'static,
{
    run_as(scripts, is_home, |_| {}, act)
}

/// The same for a job that is `changed` before.
fn run_as<A>(scripts: &[&str], is_home: bool, changed: impl FnOnce(&mut Job), act: A) -> Outcome
where
    A: AsyncFnOnce(mpsc::UnboundedSender<Request>, mpsc::UnboundedSender<Call>) + 'static,
{
    let dir = tempfile::tempdir().unwrap();
    let mut job = Job {
        generation: 1,
        places: vec![0; scripts.len()],
        hang: 0,
        stop: dir.path().join("stop"),
        workers: scripts
            .iter()
            .enumerate()
            .map(|(rank, script)| Worker {
                rank,
                arguments: ["-c", script].map(OsString::from).to_vec(),
                environment: vec![("RANK".to_owned(), rank.to_string())],
            })
            .collect(),
        logs: dir.path().join("logs"),
        heading: "start 1".to_owned(),
        patience: Patience {
            settle: Duration::from_millis(300),
            terminate: Duration::from_millis(700),
            last_words: Duration::from_millis(300),
        },
    };
    changed(&mut job);
    let mut events = Events::open(&dir.path().join("events.jsonl")).unwrap();
    let screen = dir.path().join("screen");
    let mut display = Display::plain(std::fs::File::create(&screen).unwrap());
    let mut standing = Writer::new(dir.path().join("status.json"), "run", "local");
    let mut drills = Drills::new(dir.path().join("drill"), Box::new(|_, _| {}));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    let ending = runtime.block_on(async {
        let (sender, mut interrupts) = Interrupts::by_hand();
        let mut crew = Crew::here(PathBuf::from("/bin/sh"), job.patience.last_words);
        crew.member(0).is_home = is_home;
        let calls = crew.calls();
        let shown = Shown { display: &mut display, standing: &mut standing, drills: &mut drills };
        let job = supervise(&job, &mut crew, &mut interrupts, &mut events, shown);
        let mut job = std::pin::pin!(job);
        tokio::select! {
            ending = &mut job => ending.unwrap(),
            () = act(sender, calls) => job.await.unwrap(),
        }
    });
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    Outcome {
        ending,
        seconds: begun.elapsed().as_secs_f64(),
        events: read(&dir.path().join("events.jsonl")),
        logs: (0..scripts.len())
            .map(|rank| read(&dir.path().join(format!("logs/rank-{rank}.log"))))
            .collect(),
        shown: read(&screen),
        status: read(&dir.path().join("status.json")),
    }
}

async fn leave_alone(_interrupt: mpsc::UnboundedSender<Request>) {
    std::future::ready(()).await;
}

/// Neither interrupts nor takes a node away.
async fn nobody(_: mpsc::UnboundedSender<Request>, _: mpsc::UnboundedSender<Call>) {
    std::future::ready(()).await;
}

fn failed(outcome: &Outcome) -> Error {
    match &outcome.ending {
        Ending::Failed(cause) => cause.clone().into_error(),
        other => panic!("expected a failure, found {other:?}"),
    }
}

/// The sentence and exit code of a job whose rank fails.
fn check(scripts: &[&str], message: &str, code: u8) {
    let outcome = run(scripts, leave_alone);
    let error = failed(&outcome);
    assert_eq!((error.message.as_str(), error.code), (message, code), "{scripts:?}");
    assert!(outcome.events.contains(r#""event":"rank-ended""#), "{}", outcome.events);
    assert!(outcome.seconds < 10.0, "{scripts:?} took {} s", outcome.seconds);
}

#[test]
fn a_job_is_done_when_every_rank_is() {
    let outcome = run(&["echo a; echo b >&2", "sleep 0.2; echo a"], leave_alone);
    assert_eq!(outcome.ending, Ending::Done);
    assert_eq!(outcome.logs[1], "start 1\na\n");
    assert_eq!(outcome.events.matches("rank-ended").count(), 2);
}

#[test]
fn lines_are_prefixed_and_equal_ones_collapse() {
    let outcome =
        run(&["echo same; sleep 0.1; printf half", "echo same; echo 中文 >&2"], leave_alone);
    assert!(outcome.shown.contains("[ranks 0-1] same\n"), "{}", outcome.shown);
    assert!(outcome.shown.contains("[rank 0] half\n"), "{}", outcome.shown);
    assert!(outcome.shown.contains("[rank 1] 中文\n"), "{}", outcome.shown);
}

#[test]
fn progress_is_shown_and_not_logged() {
    let line = r#"@{"evaluation":{"dataset":"wnut17","done":9,"total":9}}"#;
    let outcome = run(&[&format!("echo '{line}'")], leave_alone);
    assert_eq!(outcome.logs[0], "start 1\n");
    assert_eq!(outcome.shown, "answering wnut17: 9 of 9\n");
}

#[test]
fn the_first_cause_is_named_with_its_class() {
    check(
        &["sleep 20", "echo 'error: a.json:3: no list' >&2; exit 65"],
        "rank 1 ended with exit code 65: a.json:3: no list",
        65,
    );
    for code in [64, 69, 70, 75, 79] {
        check(&[&format!("exit {code}")], &format!("rank 0 ended with exit code {code}"), code);
    }
    // A code that is not ours is an accident.
    check(&["exit 1"], "rank 0 ended with exit code 1", 70);
    check(&["exit 101"], "rank 0 ended with exit code 101", 70);
    check(&["exit 2"], "rank 0 ended with exit code 2", 70);
}

#[test]
fn a_signal_is_transient_and_named() {
    check(&["sleep 20", "kill -9 $$"], "rank 1 was ended by signal 9 (SIGKILL)", 75);
    let outcome = run(&["kill -9 $$"], leave_alone);
    assert!(failed(&outcome).hint.unwrap().contains("out of memory"));
}

#[test]
fn an_allocation_that_fails_is_want_of_memory_with_a_backtrace_and_without() {
    let words = "echo 'memory allocation of 4096 bytes failed' >&2";
    let expected = "rank 0 was ended by the system, which had no memory left: memory allocation of 4096 bytes failed";
    check(&[&format!("{words}; kill -6 $$")], expected, 69);
    check(&[&format!("{words}; echo 'stack backtrace:' >&2; kill -6 $$")], expected, 69);
    check(
        &["echo 'memory allocation' >&2; kill -6 $$"],
        "rank 0 was ended by signal 6 (SIGABRT): memory allocation",
        75,
    );
}

#[test]
fn who_cannot_speak_any_more_is_named_with_the_step() {
    let line = r#"@{"progress":{"phase":"p","step":4,"steps":9,"loss":1.0,"tokens_per_second":1.0,"eta_seconds":0.5}}"#;
    let told = format!("echo '{line}'; sleep 20");
    check(
        &[&told, "sleep 0.5; kill -9 $$"],
        "rank 1 was ended by signal 9 (SIGKILL) after step 4 of phase `p`",
        75,
    );
    check(
        &[&told, "sleep 0.5; echo 'error: no space left' >&2; exit 75"],
        "rank 1 ended with exit code 75 after step 4 of phase `p`: no space left",
        75,
    );
    // Who says it itself need not be told.
    check(
        &[&told, "sleep 0.5; echo 'error: phase `p`, step 5: rank 0 hung up' >&2; exit 75"],
        "rank 1 ended with exit code 75: phase `p`, step 5: rank 0 hung up",
        75,
    );
}

#[test]
fn witnesses_are_not_taken_for_the_cause() {
    let witness = |culprit: usize| {
        let line = format!(r#"@{{"failure":{{"exit_code":75,"culprit":{culprit}}}}}"#);
        format!("echo '{line}'; echo 'error: rank {culprit} hung up' >&2; exit 75")
    };
    // The witnesses are faster than the one that they blame.
    check(
        &[&witness(1), "sleep 0.1; echo 'error: no space left' >&2; exit 75", &witness(1)],
        "rank 1 ended with exit code 75: no space left",
        75,
    );
    // The one they blame hangs: then the witness is all that there is.
    check(
        &[&witness(1), "trap '' TERM; while :; do sleep 0.05; done"],
        "rank 0 ended with exit code 75: rank 1 hung up",
        75,
    );
    check(
        &["sleep 0.05; exit 75", "sleep 0.1; kill -9 $$"],
        "rank 1 was ended by signal 9 (SIGKILL)",
        75,
    );
}

#[test]
fn the_verdict_is_kept_and_not_what_follows_it() {
    check(
        &["echo loading >&2; echo 'error: it broke' >&2; echo 'hint: mend it' >&2; exit 64"],
        "rank 0 ended with exit code 64: it broke",
        64,
    );
    check(
        &["echo one >&2; echo two >&2; echo >&2; exit 70"],
        "rank 0 ended with exit code 70: two",
        70,
    );
}

#[test]
fn a_rank_that_ignores_sigterm_is_killed() {
    let outcome = run(&["trap '' TERM; sleep 20 & wait; sleep 20", "exit 70"], leave_alone);
    assert_eq!(failed(&outcome).code, 70);
    assert!(outcome.events.contains(r#""event":"killing","ranks":[0]"#), "{}", outcome.events);
    assert!(outcome.seconds < 5.0, "{}", outcome.seconds);
    assert!(outcome.status.contains(r#""state": "recovering""#), "{}", outcome.status);
}

const PATIENT: &str = "trap 'echo saved; exit 76' TERM; while :; do sleep 0.05; done";

#[test]
fn the_first_interrupt_asks() {
    let outcome = run(&[PATIENT, PATIENT], async |interrupt| {
        tokio::time::sleep(Duration::from_millis(300)).await;
        interrupt.send(Request::Stop).unwrap();
    });
    assert_eq!(outcome.ending, Ending::Stopped);
    assert!(!outcome.status.contains("recovering"), "{}", outcome.status);
    assert!(outcome.shown.contains("the same command continues"), "{}", outcome.shown);
    assert!(outcome.shown.contains("[ranks 0-1] saved"), "{}", outcome.shown);
}

#[test]
fn a_request_to_save_ends_nobody() {
    let outcome = run(&["sleep 0.8", "sleep 0.8"], async |interrupt| {
        tokio::time::sleep(Duration::from_millis(200)).await;
        interrupt.send(Request::Save).unwrap();
    });
    assert_eq!(outcome.ending, Ending::Done);
    assert!(outcome.events.contains(r#""event":"save-requested""#), "{}", outcome.events);
    assert!(outcome.shown.contains("saving after the next step"), "{}", outcome.shown);
}

#[test]
fn the_second_interrupt_kills() {
    let outcome = run(&["trap '' TERM; while :; do sleep 0.05; done"], async |interrupt| {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            interrupt.send(Request::Stop).unwrap();
        }
    });
    assert_eq!(outcome.ending, Ending::Killed);
}

#[test]
fn a_rank_that_was_asked_before_it_could_listen_has_stopped() {
    let outcome = run(&["sleep 20", "sleep 20"], async |interrupt| {
        tokio::time::sleep(Duration::from_millis(200)).await;
        interrupt.send(Request::Stop).unwrap();
    });
    assert_eq!(outcome.ending, Ending::Stopped);
}

/// Asks the agent to end once its ranks are there.
async fn take_away(_: mpsc::UnboundedSender<Request>, calls: mpsc::UnboundedSender<Call>) {
    tokio::time::sleep(Duration::from_millis(400)).await;
    calls.send(Call::Stop).unwrap();
}

#[test]
fn a_node_that_is_taken_away_is_no_end_of_the_run() {
    let outcome = run_on(&[PATIENT, PATIENT], false, take_away);
    let Ending::Failed(cause) = &outcome.ending else { panic!("{:?}", outcome.ending) };
    assert_eq!((cause.end, cause.rank, cause.stopping), (End::Drained, 0, false));
    let error = failed(&outcome);
    assert_eq!(
        (error.message.as_str(), error.code),
        (
            "the node of rank 0 was drained: its agent was asked to end, and all ranks saved before",
            75
        )
    );
    assert!(outcome.events.contains(r#""event":"agent-leaving""#), "{}", outcome.events);
    assert!(!outcome.events.contains("stop-requested"), "{}", outcome.events);
    assert!(outcome.shown.contains("is taken away: all ranks save"), "{}", outcome.shown);
    assert!(outcome.shown.contains("[ranks 0-1] saved"), "{}", outcome.shown);
}

/// Who was asked while all met has left; whoever had met it already says that it is gone.
#[test]
fn a_rank_that_leaves_before_all_have_met_is_no_failure() {
    let witness = "trap 'echo \"@{\\\"failure\\\":{\\\"exit_code\\\":75,\\\"culprit\\\":0}}\"; \
                   echo \"error: rank 0 hung up\" >&2; exit 75' TERM; while :; do sleep 0.05; done";
    let outcome = run(&[PATIENT, witness], async |interrupt| {
        tokio::time::sleep(Duration::from_millis(300)).await;
        interrupt.send(Request::Stop).unwrap();
    });
    assert!(outcome.events.contains(r#""exit_code":75"#), "{}", outcome.events);
    assert_eq!(outcome.ending, Ending::Stopped);
}

/// The same by the file, which a rank may see before the driver does.
#[test]
fn a_rank_that_leaves_because_of_the_file_is_no_failure_of_the_others() {
    let leaves = "sleep 0.15; : > \"$STOP\"; exit 76";
    let witness = "echo '@{\"failure\":{\"exit_code\":75,\"culprit\":0}}'; \
                   echo 'error: rank 0 hung up' >&2; exit 75";
    let told = |job: &mut Job| {
        let path = job.stop.display().to_string();
        job.workers[0].environment.push(("STOP".to_owned(), path));
        // However long it takes: it is not ended before.
        job.patience.settle = Duration::from_secs(60);
    };
    let outcome = run_as(&[leaves, witness], false, told, nobody);
    assert_eq!(outcome.ending, Ending::Stopped);
    let asked = r#""event":"stop-requested","by":"file""#;
    assert!(outcome.events.contains(asked), "{}", outcome.events);
}

#[test]
fn with_the_node_of_the_driver_goes_the_run() {
    let outcome = run_on(&[PATIENT, PATIENT], true, take_away);
    assert_eq!(outcome.ending, Ending::Stopped);
    assert!(
        outcome.events.contains(r#""event":"stop-requested","by":"node""#),
        "{}",
        outcome.events
    );
    // A scheduler that asks the driver, too, does not insist.
    let outcome = run_on(&[PATIENT, PATIENT], true, async |interrupt, calls| {
        tokio::time::sleep(Duration::from_millis(400)).await;
        calls.send(Call::Stop).unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        interrupt.send(Request::Stop).unwrap();
    });
    assert_eq!(outcome.ending, Ending::Stopped);
}

#[test]
fn who_wants_the_run_to_end_is_heard_while_a_node_goes() {
    let outcome = run_on(&[PATIENT, PATIENT], false, async |interrupt, calls| {
        tokio::time::sleep(Duration::from_millis(400)).await;
        calls.send(Call::Stop).unwrap();
        interrupt.send(Request::Stop).unwrap();
    });
    assert_eq!(outcome.ending, Ending::Stopped);
}

#[test]
fn a_node_that_goes_before_its_ranks_listen_was_drained_all_the_same() {
    let outcome = run_on(&["sleep 20", "sleep 20"], false, take_away);
    assert_eq!(
        failed(&outcome).message,
        "the node of rank 0 was drained: its agent was asked to end, and was gone before all ranks had saved"
    );
    // What a rank finds wrong with its data is not because of the node.
    let wrong = "trap 'echo \"error: no list\" >&2; exit 65' TERM; while :; do sleep 0.05; done";
    let outcome = run_on(&[PATIENT, wrong], false, take_away);
    assert_eq!(failed(&outcome).message, "rank 1 ended with exit code 65: no list");
}

#[test]
fn a_process_that_is_left_behind_holds_nothing_up() {
    let outcome = run(&["sleep 5 & exit 0"], leave_alone);
    assert_eq!(outcome.ending, Ending::Done);
    assert!(outcome.seconds < 4.0, "{}", outcome.seconds);
}

/// A job whose program is not there, on a node that is `alone`, or is one of two.
fn unstarted(alone: bool) -> Result<Ending, Error> {
    let dir = tempfile::tempdir().unwrap();
    let job = Job {
        generation: 1,
        places: vec![0],
        hang: 0,
        stop: dir.path().join("stop"),
        workers: vec![Worker { rank: 0, arguments: Vec::new(), environment: Vec::new() }],
        logs: dir.path().join("logs"),
        heading: String::new(),
        patience: Patience::default(),
    };
    let mut events = Events::open(&dir.path().join("events.jsonl")).unwrap();
    let mut display = Display::plain(Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (_sender, mut interrupts) = Interrupts::by_hand();
        let crew = Crew::here(dir.path().join("nothing"), Duration::from_millis(100));
        let mut crew = if alone { crew } else { crew.with("node-b") };
        let mut standing = Writer::new(dir.path().join("status.json"), "run", "local");
        let mut drills = Drills::new(dir.path().join("drill"), Box::new(|_, _| {}));
        let shown = Shown { display: &mut display, standing: &mut standing, drills: &mut drills };
        supervise(&job, &mut crew, &mut interrupts, &mut events, shown).await
    })
}

#[test]
fn a_program_that_is_not_there_is_one_sentence() {
    let error = unstarted(true).unwrap_err();
    assert!(error.message.starts_with("failed to start rank 0 as `"), "{error}");
}

#[test]
fn a_node_that_starts_nothing_is_a_failure_that_others_may_mend() {
    let Ending::Failed(cause) = unstarted(false).unwrap() else { panic!("it went on") };
    assert_eq!((cause.end, cause.blamed, cause.exit_code()), (End::Unstarted, 0, 75));
    let sentence = cause.to_string();
    let expected = "rank 0 did not begin: failed to start rank 0 as `";
    assert!(sentence.starts_with(expected), "{sentence}");
}

const CHILD: &str = "KNOWCODER_TEST_SUPERVISOR";

/// Not a test of its own: what the test below starts in a process that it can kill.
#[test]
fn a_supervisor_that_will_be_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let script = format!("echo $$ > '{}/'$RANK; sleep 60", Path::new(&folder).display());
    run(&[&script, &script], leave_alone);
}

#[test]
#[cfg(target_os = "linux")]
fn a_supervisor_that_is_killed_leaves_no_rank_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut supervisor = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "supervise::tests::a_supervisor_that_will_be_killed"])
        .env(CHILD, folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let process = |rank: usize| -> Option<u32> {
        std::fs::read_to_string(folder.path().join(rank.to_string())).ok()?.trim().parse().ok()
    };
    let wait_until = |is_true: &dyn Fn() -> bool| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_true() {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait_until(&|| process(0).is_some() && process(1).is_some());
    let processes = [process(0).unwrap(), process(1).unwrap()];
    assert!(processes.iter().all(|process| is_running(*process)));
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    wait_until(&|| !processes.iter().any(|process| is_running(*process)));
}

/// Whether the process exists and is no zombie, which an idle init may leave for a while.
fn is_running(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or_default().starts_with(['Z', 'X']))
}
