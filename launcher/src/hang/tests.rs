//! Scenes of runs that stand still.
#![allow(clippy::unwrap_used)]
use super::*;
use expect_test::{Expect, expect};

/// Ranks of two nodes, half of them on each: section, step, seconds.
fn ranks(places: &[(&str, usize, f64)]) -> Vec<Rank> {
    let rank = |(at, (section, step, seconds)): (usize, &(&str, usize, f64))| Rank {
        node: at * 2 / places.len(),
        process: 100 + at as u32,
        section: (*section).to_owned(),
        phase: "instruction".to_owned(),
        step: *step,
        seconds: *seconds,
        silent: 0.4,
    };
    places.iter().enumerate().map(rank).collect()
}

fn names() -> Vec<String> {
    ["node-a", "node-b"].map(str::to_owned).to_vec()
}

fn check(ranks: &[Rank], rank: Option<usize>, expected: Expect) {
    let found = verdict(ranks, &names()).unwrap();
    expected.assert_eq(&found.sentence);
    assert_eq!(found.rank, rank);
}

const WAITING: (&str, usize, f64) = ("all-reduce 812", 40, 60.0);

#[test]
fn a_rank_that_does_not_come_is_named_with_what_it_does() {
    let mut places = [WAITING; 8];
    places[5] = ("data", 40, 61.0);
    check(
        &ranks(&places),
        Some(5),
        expect!["rank 5 (node-b) never entered all-reduce 812 of step 40: in data for 61 s"],
    );
    places[5] = ("checkpoint", 39, 61.0);
    check(
        &ranks(&places),
        Some(5),
        expect![
            "rank 5 (node-b) never entered all-reduce 812 of step 40: in checkpoint of step 39 for 61 s"
        ],
    );
    places[5] = ("evaluation of final wnut17 en", 0, 61.0);
    check(
        &ranks(&places),
        Some(5),
        expect![
            "rank 5 (node-b) never entered all-reduce 812 of step 40: in evaluation of final wnut17 en for 61 s"
        ],
    );
}

#[test]
fn who_does_not_answer_is_told_from_who_still_may() {
    let deaf = |ranks: &[Rank]| verdict(ranks, &names()).unwrap().deaf;
    let mut places = [WAITING; 8];
    places[5] = ("data", 40, 61.0);
    assert_eq!(deaf(&ranks(&places)), [5]);
    // What it writes may be what the run goes on from.
    places[2] = ("checkpoint", 39, 61.0);
    assert_eq!(deaf(&ranks(&places)), [5]);
    places[6] = ("compute", 40, 60.5);
    assert_eq!(deaf(&ranks(&places)), [5, 6]);
    // Its process stands still, wherever that is.
    let mut silent = ranks(&[WAITING; 8]);
    silent[2].silent = 40.0;
    assert_eq!(deaf(&silent), [2]);
    for rank in &mut silent {
        rank.silent = 40.0;
    }
    assert_eq!(deaf(&silent), [0; 0], "perhaps it is we who heard nothing");
    // It came after all, or waits for others itself.
    for place in [("all-reduce 812", 40, 2.0), ("all-reduce 811", 40, 63.0), WAITING] {
        let mut places = [WAITING; 8];
        places[5] = place;
        assert_eq!(deaf(&ranks(&places)), [0; 0], "{place:?}");
    }
}

#[test]
fn of_several_that_do_not_come_the_longest_is_named_first() {
    let mut places = [WAITING; 8];
    for (rank, seconds) in [(4, 60.5), (5, 75.0), (6, 60.2)] {
        places[rank] = ("compute", 40, seconds);
    }
    check(
        &ranks(&places),
        Some(5),
        expect![
            "rank 5 (node-b) never entered all-reduce 812 of step 40: in compute for 75 s; nor did ranks 4 and 6"
        ],
    );
}

#[test]
fn a_rank_in_an_operation_before_is_behind_too() {
    let mut places = [WAITING; 4];
    places[2] = ("all-reduce 811", 40, 63.0);
    check(
        &ranks(&places),
        Some(2),
        expect![
            "rank 2 (node-b) never entered all-reduce 812 of step 40: still in all-reduce 811 for 63 s"
        ],
    );
    // Others wait for it there: it is not they who are at fault.
    places[1] = ("all-reduce 811", 40, 63.0);
    places[2] = ("compute", 40, 64.0);
    check(
        &ranks(&places),
        Some(2),
        expect!["rank 2 (node-b) never entered all-reduce 812 of step 40: in compute for 64 s"],
    );
}

#[test]
fn what_does_not_arrive_is_nobodys_fault() {
    let mut places = [("broadcast 5", 0, 61.0); 4];
    places[0] = ("all-reduce 6", 0, 60.0);
    check(
        &ranks(&places),
        None,
        expect![
            "ranks 1 to 3 are still in broadcast 5 after 61 s, while rank 0 (node-a) is in all-reduce 6 already: what they wait for does not arrive"
        ],
    );
}

#[test]
fn a_rank_that_is_stopped_says_nothing_any_more() {
    let mut all = ranks(&[WAITING; 4]);
    all[3] = Rank { silent: 61.0, section: "compute".to_owned(), ..all[3].clone() };
    check(
        &all,
        Some(3),
        expect![
            "rank 3 (node-b) has not been heard of for 61 s: its process stands still or is gone; what it said last was that it is in compute of step 40"
        ],
    );
    all[1].silent = 60.0;
    check(
        &all,
        Some(1),
        expect![
            "rank 1 (node-a) has not been heard of for 60 s: its process stands still or is gone; what it said last was that it is in all-reduce 812 of step 40; nor has rank 3"
        ],
    );
    let mut all = ranks(&[WAITING; 4]);
    all[2] = Rank { silent: 61.0, section: String::new(), step: 0, ..all[2].clone() };
    check(
        &all,
        Some(2),
        expect!["rank 2 (node-b) has not been heard of for 61 s: it has never said where it is"],
    );
}

#[test]
fn a_node_that_is_gone_is_named_with_its_ranks() {
    let mut all = ranks(&[WAITING; 8]);
    all[4..].iter_mut().for_each(|rank| rank.silent = 33.0);
    check(
        &all,
        Some(4),
        expect!["node-b with ranks 4 to 7 has not been heard of for 33 s: it is down or cut off"],
    );
    all.iter_mut().for_each(|rank| rank.silent = 33.0);
    check(&all, None, expect!["none of 8 ranks has been heard of for 33 s"]);
}

#[test]
fn where_all_wait_it_is_the_way_between_them() {
    let all = ranks(&[WAITING; 8]);
    check(
        &all,
        None,
        expect![
            "all 8 ranks have been in all-reduce 812 of step 40 for 60 s and nothing moves between them: look at the network between their nodes"
        ],
    );
    let complaints = [Complaint { by: 3, about: 9 }, Complaint { by: 4, about: 3 }];
    let found = verdict_after(&all, &names(), &complaints).unwrap();
    expect![
        "all 8 ranks have been in all-reduce 812 of step 40 for 60 s and nothing moves between them: rank 4 (node-b) hears nothing from rank 3 (node-a)"
    ]
    .assert_eq(&found.sentence);
    assert_eq!(found.rank, Some(3));
    let here: Vec<Rank> = all.iter().map(|it| Rank { node: 0, ..it.clone() }).collect();
    let found = verdict(&here, &["localhost".to_owned()]).unwrap();
    assert!(found.sentence.ends_with("look at the way between their devices"), "{found:?}");
}

#[test]
fn a_straggler_is_named_with_its_delay() {
    let mut places = [WAITING; 8];
    places[6].2 = 3.0;
    check(
        &ranks(&places),
        Some(6),
        expect!["rank 6 (node-b) entered all-reduce 812 of step 40 57 s after the others"],
    );
}

#[test]
fn where_nobody_waits_each_is_busy_by_itself() {
    check(
        &ranks(&[("data", 40, 60.0), ("data", 40, 61.0)]),
        None,
        expect![
            "all 2 ranks are in data of step 40, rank 1 (node-b) for 61 s: look at what they share there, the file system of the run first"
        ],
    );
    check(
        &ranks(&[("compute", 40, 1.0), ("update", 39, 61.0)]),
        Some(1),
        expect![
            "rank 1 (node-b) has been in update of step 39 for 61 s, longer than any other rank, and none waits in an operation"
        ],
    );
    check(
        &ranks(&[("loading", 0, 61.0)]),
        Some(0),
        expect!["rank 0 (node-a) has been in loading for 61 s"],
    );
    check(
        &ranks(&[("barrier 3", 0, 61.0)]),
        Some(0),
        expect!["rank 0 (node-a) has been in barrier 3 for 61 s"],
    );
}

#[test]
fn what_moves_has_no_verdict() {
    assert_eq!(verdict(&[], &names()), None);
    let moving = ranks(&[("all-reduce 812", 40, 0.2), ("compute", 40, 1.1)]);
    assert_eq!(verdict(&moving, &names()), None);
}

#[test]
fn operations_are_told_from_other_sections() {
    for (section, number) in [
        ("all-reduce 812", Some(812)),
        ("barrier 1", Some(1)),
        ("data", None),
        ("evaluation of 7", None),
        ("all-reduce many", None),
        ("", None),
    ] {
        assert_eq!(sequence(section), number, "{section}");
    }
    // As a rank says it.
    use trainer::collective::{Moment, Operation};
    for operation in [
        Operation::AllReduce,
        Operation::ReduceScatter,
        Operation::AllGather,
        Operation::Broadcast,
        Operation::Barrier,
        Operation::Question,
        Operation::Meeting,
    ] {
        let moment = Moment { operation, sequence: 9 };
        assert_eq!(sequence(&moment.to_string()), Some(9));
    }
}

#[test]
fn ranks_are_listed_shortly() {
    for (ranks, expected) in [
        (vec![3], "rank 3"),
        (vec![3, 4], "ranks 3 and 4"),
        (vec![3, 4, 5], "ranks 3 to 5"),
        (vec![1, 3, 4], "ranks 1, 3 and 4"),
    ] {
        assert_eq!(list(&ranks), expected);
    }
}

#[test]
fn what_was_said_a_while_ago_is_told_with_its_age() {
    // It moved on after it had said where it is, and was stopped then.
    let mut all = ranks(&[("all-reduce 1090", 513, 3.0), ("all-reduce 1003", 469, 3.4)]);
    all[1].silent = 3.4;
    check(
        &all,
        Some(1),
        expect![
            "rank 1 (node-b) has not been heard of for 3 s and was not in all-reduce 1090 of step 513 then: it said that it is in all-reduce 1003 of step 469"
        ],
    );
    let mut all = ranks(&[("compute", 40, 4.0)]);
    all[0].silent = 4.0;
    check(
        &all,
        Some(0),
        expect!["rank 0 (node-a) has been in compute of step 40 for 4 s by its last word, 4 s ago"],
    );
}
