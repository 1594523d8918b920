//! Agents of this process, over connections of this machine.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::plan::Worker;
use std::ffi::OsString;

fn script(rank: usize, text: &str) -> Worker {
    let arguments = ["-c", text].map(OsString::from).to_vec();
    Worker { rank, arguments, environment: Vec::new() }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// News until `is_last` says so.
async fn until(crew: &mut Crew, is_last: impl Fn(&News) -> bool) -> Vec<News> {
    let mut heard = Vec::new();
    loop {
        let next = tokio::time::timeout(Duration::from_secs(20), crew.next());
        let (_, news) = next.await.unwrap();
        let last = is_last(&news);
        heard.push(news);
        if last {
            return heard;
        }
    }
}

#[test]
fn an_agent_starts_ranks_passes_on_their_words_and_clears() {
    runtime().block_on(async {
        let mut crew = Crew::here(PathBuf::from("/bin/sh"), Duration::from_millis(300));
        let workers = vec![script(0, "echo hello; exit 3"), script(1, "sleep 60")];
        until(&mut crew, |news| matches!(news, News::Joined(_))).await;
        crew.order(0, Order::Start { generation: 4, workers });
        let is_end = |news: &News| matches!(news, News::Says(Report::Ended { rank: 0, .. }));
        let heard = until(&mut crew, is_end).await;
        let line = "hello".to_owned();
        assert!(heard.contains(&News::Says(Report::Said {
            rank: 0,
            generation: 4,
            on_stderr: false,
            line
        })));
        assert!(matches!(
            heard.last(),
            Some(News::Says(Report::Ended { code: Some(3), signal: None, .. }))
        ));
        crew.order(0, Order::Clear { generation: 4 });
        let is_clear = |news: &News| matches!(news, News::Says(Report::Cleared { generation: 4 }));
        let heard = until(&mut crew, is_clear).await;
        assert!(heard.iter().any(|news| matches!(
            news,
            News::Says(Report::Ended { rank: 1, signal: Some(libc::SIGKILL), .. })
        )));
        crew.order(0, Order::Port { interface: None });
        let is_port = |news: &News| matches!(news, News::Says(Report::Port { address: Ok(_) }));
        until(&mut crew, is_port).await;
    });
}

#[test]
fn a_silent_node_is_lost_after_its_own_lease_is_over() {
    runtime().block_on(async {
        let mut crew = Crew::here(PathBuf::from("/bin/sh"), Duration::from_millis(300));
        until(&mut crew, |news| matches!(news, News::Joined(_))).await;
        crew.lease = Some(Duration::from_secs(4));
        let begin = crew.members[0].heard;
        let after = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(crew.look(after(1)), []);
        assert_eq!(crew.look(after(5)), []);
        let lost = crew.look(after(6));
        assert!(matches!(&lost[..], [(0, News::Lost(words))] if words.contains("6.0 s")));
        assert!(!crew.members[0].is_present());
        // It is said once.
        assert_eq!(crew.look(after(7)), []);
    });
}

#[test]
fn a_node_that_is_taken_away_takes_no_further_part() {
    runtime().block_on(async {
        let mut crew = Crew::here(PathBuf::from("/bin/sh"), Duration::from_millis(300));
        until(&mut crew, |news| matches!(news, News::Joined(_))).await;
        let patient = script(0, "trap 'exit 76' TERM; while :; do sleep 0.05; done");
        crew.order(0, Order::Start { generation: 1, workers: vec![patient] });
        let is_start = |news: &News| matches!(news, News::Says(Report::Started { .. }));
        until(&mut crew, is_start).await;
        // It must have come to its trap.
        tokio::time::sleep(Duration::from_millis(300)).await;
        crew.calls().send(agent::Call::Stop).unwrap();
        until(&mut crew, |news| *news == News::Says(Report::Leaving)).await;
        // Its rank still saves, but nothing new is given to it.
        let member = &crew.members()[0];
        assert!(member.is_connected() && !member.is_present() && member.is_missing());
        assert!(!crew.is_leaving_home());
        let heard = until(&mut crew, |news| matches!(news, News::Lost(_))).await;
        let is_end = |news: &News| matches!(news, News::Says(Report::Ended { code: Some(76), .. }));
        assert!(heard.iter().any(is_end), "{heard:?}");
        assert_eq!(heard.last(), Some(&News::Lost("it was drained".to_owned())));
    });
}

#[test]
fn who_comes_back_is_there_when_it_has_said_who_it_is() {
    let (orders, _queue) = mpsc::unbounded_channel();
    let facts = |process| Facts { process, ..Facts::default() };
    let mut crew = Crew::awaited(&["a"]);
    crew.take(0, Heard::Connected(2, orders.clone()));
    crew.take(0, Heard::Report(2, Report::Joined(facts(7))));
    assert!(crew.members()[0].is_present());
    crew.take(0, Heard::Closed(2));
    // What is known of the agent before says nothing of this one.
    crew.take(0, Heard::Connected(3, orders.clone()));
    assert!(!crew.members()[0].is_present());
    crew.take(0, Heard::Report(3, Report::Joined(facts(8))));
    assert!(crew.members()[0].is_present());
    // The same without a word of the one before.
    let another = crew.take(0, Heard::Connected(4, orders));
    assert!(matches!(another, Some(News::Lost(_))));
    assert!(!crew.members()[0].is_present());
}

#[test]
fn a_lease_is_counted_from_a_word_of_the_node_itself() {
    let (orders, mut queue) = mpsc::unbounded_channel();
    let mut crew = Crew::awaited(&["a"]);
    crew.lease = Some(Duration::from_secs(4));
    crew.take(0, Heard::Connected(2, orders));
    crew.take(0, Heard::Report(2, Report::Joined(Facts::default())));
    let begin = crew.members[0].heard;
    crew.look(begin + Duration::from_secs(2));
    assert!(queue.try_recv().is_err(), "nothing is known of its clock");
    crew.take(0, Heard::Report(2, Report::Beat { at: 17 }));
    crew.look(begin + Duration::from_secs(3));
    assert_eq!(queue.try_recv().unwrap(), Order::Lease { since: 17 });
}

#[test]
fn what_happens_once_is_told_once() {
    let ended = || Heard::Unplaced(0, Some(75), String::new());
    let (orders, _queue) = mpsc::unbounded_channel();
    let mut crew = Crew::awaited(&["a"]);
    assert_eq!(crew.take(0, Heard::Connected(2, orders.clone())), None);
    crew.take(0, Heard::Report(2, Report::Joined(Facts::default())));
    assert!(matches!(crew.take(0, Heard::Closed(2)), Some(News::Lost(_))));
    assert_eq!(crew.take(0, ended()), None);
    // The process may also be seen to end before its connection does.
    assert_eq!(crew.take(0, Heard::Connected(3, orders)), None);
    assert_eq!(crew.members()[0].farewell, None);
    assert_eq!(crew.take(0, ended()), None);
    assert!(matches!(crew.take(0, Heard::Closed(3)), Some(News::Lost(_))));
    // It was there: it may come back.
    assert!(crew.members()[0].is_missing() && !crew.members()[0].stays_away());
    // Who never came.
    let mut crew = Crew::awaited(&["a", "b"]);
    assert!(matches!(crew.take(0, ended()), Some(News::Absent(_))));
    let refusal = Error::new(exit::BACKEND, "its key is not known");
    let absent = crew.take(1, Heard::Uninvited(refusal));
    assert_eq!(absent, Some(News::Absent("its key is not known".to_owned())));
    assert!(crew.members().iter().all(Member::stays_away));
}

#[test]
fn names_are_safe_in_file_names() {
    assert_eq!(file_name("user@host-1.example"), "user_host-1.example");
    assert_eq!(file_name("../x"), ".._x");
}
