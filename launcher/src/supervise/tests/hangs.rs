//! Ranks that do not answer, among others that do.

use super::*;

/// What a rank says again and again of where it is, as commands.
fn is_in(section: &str) -> String {
    let place = format!(r#"{{"phase":"p","step":3,"section":"{section}","seconds":60.0}}"#);
    format!(r#"echo '@{{"where":{place}}}'; sleep 0.2"#)
}

/// A rank that hears nothing.
fn deaf() -> String {
    format!("trap '' TERM; while :; do {}; done", is_in("data"))
}

/// Has ranks that need a minute to be killed, unless it is known that to ask them is in vain.
fn patient(job: &mut Job) {
    job.hang = 3;
    job.patience.terminate = Duration::from_secs(60);
}

#[test]
fn who_is_known_to_hang_is_not_asked_first_and_the_others_have_their_time() {
    // It finishes what it writes, as a rank does with its checkpoint.
    let healthy = format!(
        "trap 'sleep 2; echo written; exit 75' TERM; while :; do {}; done",
        is_in("all-reduce 812")
    );
    let outcome = run_as(&[&healthy, &deaf()], false, patient, nobody);
    let Ending::Failed(cause) = &outcome.ending else { panic!("{:?}", outcome.ending) };
    assert_eq!((cause.end, cause.rank), (End::Hung, 1));
    let sentence = &cause.verdict.as_ref().unwrap().sentence;
    let expected = "rank 1 (this machine) never entered all-reduce 812 of step 3: in data for 6";
    assert!(sentence.starts_with(expected), "{sentence}");
    assert!(outcome.seconds < 40.0, "it was waited for: {} s", outcome.seconds);
    assert!(outcome.events.contains(r#""event":"killing","ranks":[1]"#), "{}", outcome.events);
    assert!(outcome.events.contains(r#""event":"terminating","ranks":[0]"#), "{}", outcome.events);
    assert!(outcome.shown.contains("[rank 0] written"), "{}", outcome.shown);
}

#[test]
fn a_hang_behind_a_complaint_of_another_rank_costs_no_time_either() {
    let failure = r#"@{"failure":{"exit_code":75,"culprit":1}}"#;
    let words = "error: rank 1 did not finish for 3 s during all-reduce 812";
    let witness = format!(
        "for each in 1 2 3 4 5; do {}; done; echo '{failure}'; echo '{words}' >&2; exit 75",
        is_in("all-reduce 812")
    );
    let terminate = |job: &mut Job| job.patience.terminate = Duration::from_secs(60);
    let outcome = run_as(&[&witness, &deaf()], false, terminate, nobody);
    let Ending::Failed(cause) = &outcome.ending else { panic!("{:?}", outcome.ending) };
    assert_eq!((cause.end, cause.rank, cause.blamed), (End::Code(75), 0, 1));
    assert!(outcome.seconds < 40.0, "it was waited for: {} s", outcome.seconds);
    assert!(outcome.events.contains(r#""event":"killing","ranks":[1]"#), "{}", outcome.events);
    assert!(!outcome.events.contains("terminating"), "{}", outcome.events);
}

#[test]
fn who_was_asked_to_stop_and_hangs_is_not_waited_for_without_end() {
    let outcome = run_as(&[&deaf()], false, patient, async |interrupt, _calls| {
        tokio::time::sleep(Duration::from_millis(300)).await;
        interrupt.send(Request::Stop).unwrap();
    });
    let Ending::Failed(cause) = &outcome.ending else { panic!("{:?}", outcome.ending) };
    assert_eq!((cause.end, cause.stopping), (End::Hung, true));
    assert!(outcome.seconds < 40.0, "{}", outcome.seconds);
}
