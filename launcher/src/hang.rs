//! Why a run stands still, from where each of its ranks was last.
//!
//! Ranks wait for each other, so that all of them complain when one does not come. What is looked for is the
//! rank that is not where the others wait: it is silent, or behind them, or it came late. Where all wait in the
//! same operation, it is the way between them; where none waits, each is busy with something of its own.

use crate::standing::Rank;
use std::fmt::Write;

/// Ranks say each second where they are: one that has been silent for so long does not run.
const SILENT: f64 = 5.0;

/// Seconds that are no standing still, but the time between two notes.
const MOMENT: f64 = 2.0;

/// What is said of a run that stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The rank to look at, if it is one.
    pub rank: Option<usize>,
    /// One sentence.
    pub sentence: String,
}

/// A rank's own word on why it gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Who complains.
    pub by: usize,
    /// About whom.
    pub about: usize,
}

/// What holds a run up; `names` are those of its nodes. `None` where nothing does, or nothing is known.
pub fn verdict(ranks: &[Rank], names: &[String]) -> Option<Verdict> {
    verdict_after(ranks, names, &[])
}

/// The same, once ranks have given up and said because of whom.
pub fn verdict_after(
    ranks: &[Rank],
    names: &[String],
    complaints: &[Complaint],
) -> Option<Verdict> {
    let scene = Scene { ranks, names };
    if !ranks.iter().any(|rank| rank.seconds >= MOMENT || rank.silent >= SILENT) {
        return None;
    }
    scene
        .silent()
        .or_else(|| scene.behind())
        .or_else(|| scene.late())
        .or_else(|| scene.together(complaints))
        .or_else(|| scene.apart())
}

struct Scene<'a> {
    ranks: &'a [Rank],
    names: &'a [String],
}

impl Scene<'_> {
    /// Ranks that say nothing while others do.
    fn silent(&self) -> Option<Verdict> {
        let silent = self.those(|rank| rank.silent >= SILENT);
        let first = *silent.first()?;
        let seconds = self.ranks[first].silent;
        if silent.len() == self.ranks.len() {
            let sentence = match self.ranks.len() {
                1 => format!("{} has not been heard of for {seconds:.0} s", self.who(first)),
                all => format!("none of {all} ranks has been heard of for {seconds:.0} s"),
            };
            return Some(Verdict { rank: (silent.len() == 1).then_some(first), sentence });
        }
        let node = self.ranks[first].node;
        let on_node = self.those(|rank| rank.node == node);
        // A node that is gone takes all of its ranks along.
        if silent == on_node
            && on_node.len() > 1
            && let Some(name) = self.names.get(node)
        {
            let sentence = format!(
                "{name} with {} has not been heard of for {seconds:.0} s: it is down or cut off",
                list(&on_node)
            );
            return Some(Verdict { rank: Some(first), sentence });
        }
        let was = match self.ranks[first].section.as_str() {
            "" => "it has never said where it is".to_owned(),
            _ => format!("its process stands still or is gone; it was in {}", self.place(first)),
        };
        let mut sentence =
            format!("{} has not been heard of for {seconds:.0} s: {was}", self.who(first));
        add_others(&mut sentence, &silent, "nor have");
        Some(Verdict { rank: Some(first), sentence })
    }

    /// Ranks that are not in the operation that others wait in.
    fn behind(&self) -> Option<Verdict> {
        let (newest, place) = self.frontier()?;
        let mut behind = self.those(|rank| sequence(&rank.section) != Some(newest));
        // Who computes or waits for rows has not come; who is in an operation before waits for others itself.
        let busy: Vec<usize> = behind
            .iter()
            .copied()
            .filter(|rank| sequence(&self.ranks[*rank].section).is_none())
            .collect();
        if busy.is_empty() && behind.len() > 1 {
            return Some(self.still_before(&behind, newest, place));
        }
        if !busy.is_empty() {
            behind = busy;
        }
        let longest = |a: &&usize, b: &&usize| {
            self.ranks[**a].seconds.total_cmp(&self.ranks[**b].seconds).then(b.cmp(a))
        };
        let rank = *behind.iter().max_by(longest)?;
        let Rank { section, seconds, .. } = &self.ranks[rank];
        let verb = match sequence(section) {
            Some(_) => "still in",
            None => "in",
        };
        let mut sentence = format!(
            "{} never entered {}: {verb} {} for {seconds:.0} s",
            self.who(rank),
            self.place(place),
            self.section(rank, self.ranks[place].step),
        );
        behind.retain(|other| *other != rank);
        behind.insert(0, rank);
        add_others(&mut sentence, &behind, "nor did");
        Some(Verdict { rank: Some(rank), sentence })
    }

    /// Several ranks have not come out of an operation that others have left.
    fn still_before(&self, behind: &[usize], newest: u64, ahead: usize) -> Verdict {
        let before = |rank: &usize| sequence(&self.ranks[*rank].section).unwrap_or(newest);
        let first = behind.iter().copied().min_by_key(|rank| (before(rank), *rank));
        let rank = first.unwrap_or(ahead);
        let sentence = format!(
            "{} are still in {} after {:.0} s, while {} is in {} already: what they wait for does not arrive",
            list(behind),
            self.place(rank),
            self.ranks[rank].seconds,
            self.who(ahead),
            self.section(ahead, 0),
        );
        Verdict { rank: None, sentence }
    }

    /// The rank that came to the operation of all when the others had long waited.
    fn late(&self) -> Option<Verdict> {
        let (_, place) = self.frontier()?;
        let by_time = |a: &usize, b: &usize| {
            self.ranks[*a].seconds.total_cmp(&self.ranks[*b].seconds).then(a.cmp(b))
        };
        let mut order: Vec<usize> = (0..self.ranks.len()).collect();
        order.sort_by(by_time);
        let [last, next, ..] = order.as_slice() else { return None };
        let (came, waited) = (self.ranks[*last].seconds, self.ranks[*next].seconds);
        if waited < MOMENT || came > waited / 2.0 {
            return None;
        }
        let sentence = format!(
            "{} entered {} {:.0} s after the others",
            self.who(*last),
            self.place(place),
            waited - came,
        );
        Some(Verdict { rank: Some(*last), sentence })
    }

    /// All wait in the same operation.
    fn together(&self, complaints: &[Complaint]) -> Option<Verdict> {
        let (_, place) = self.frontier()?;
        let all = self.ranks.len();
        if all == 1 {
            return None;
        }
        let waited = self.ranks.iter().map(|rank| rank.seconds).fold(f64::INFINITY, f64::min);
        let mut sentence = format!(
            "all {all} ranks have been in {} for {waited:.0} s and nothing moves between them",
            self.place(place)
        );
        let known = |it: &&Complaint| it.by.max(it.about) < all && it.by != it.about;
        let rank = match complaints.iter().find(known) {
            Some(Complaint { by, about }) => {
                let (by, about) = (self.who(*by), self.who(*about));
                let _ = write!(sentence, ": {by} hears nothing from {about}");
                complaints.iter().find(known).map(|it| it.about)
            }
            None => {
                sentence += match self.nodes() {
                    1 => ": look at the way between their devices",
                    _ => ": look at the network between their nodes",
                };
                None
            }
        };
        Some(Verdict { rank, sentence })
    }

    /// Nobody waits for anybody.
    fn apart(&self) -> Option<Verdict> {
        let longest = |a: &usize, b: &usize| {
            self.ranks[*a].seconds.total_cmp(&self.ranks[*b].seconds).then(b.cmp(a))
        };
        let rank = (0..self.ranks.len()).max_by(longest)?;
        let Rank { section, seconds, .. } = &self.ranks[rank];
        let same = self.those(|other| other.section == *section);
        let place = self.place(rank);
        if same.len() == self.ranks.len() && same.len() > 1 {
            let sentence = format!(
                "all {} ranks are in {place}, {} for {seconds:.0} s: look at what they share there, {}",
                same.len(),
                self.who(rank),
                shared(section),
            );
            return Some(Verdict { rank: None, sentence });
        }
        let mut sentence = format!("{} has been in {place} for {seconds:.0} s", self.who(rank));
        if self.ranks.len() > 1 {
            sentence += ", longer than any other rank, and none waits in an operation";
        }
        Some(Verdict { rank: Some(rank), sentence })
    }

    /// The newest operation that a rank is in, and the first such rank.
    fn frontier(&self) -> Option<(u64, usize)> {
        let places = self.ranks.iter().enumerate();
        let operations = places.filter_map(|(at, rank)| Some((sequence(&rank.section)?, at)));
        operations.max_by_key(|(sequence, at)| (*sequence, std::cmp::Reverse(*at)))
    }

    fn those(&self, is_it: impl Fn(&Rank) -> bool) -> Vec<usize> {
        let ranks = self.ranks.iter().enumerate();
        ranks.filter(|(_, rank)| is_it(rank)).map(|(number, _)| number).collect()
    }

    fn nodes(&self) -> usize {
        let mut nodes: Vec<usize> = self.ranks.iter().map(|rank| rank.node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes.len()
    }

    /// `rank 5 (node-b)`.
    fn who(&self, rank: usize) -> String {
        match self.names.get(self.ranks[rank].node) {
            Some(name) if !name.is_empty() => format!("rank {rank} ({name})"),
            _ => format!("rank {rank}"),
        }
    }

    /// `all-reduce 812 of step 40`.
    fn place(&self, rank: usize) -> String {
        self.section(rank, 0)
    }

    /// The same; the step only if it is another one than `known`.
    fn section(&self, rank: usize, known: usize) -> String {
        let Rank { section, step, .. } = &self.ranks[rank];
        let section = if section.is_empty() { "no known place" } else { section };
        match *step {
            0 => section.to_owned(),
            step if step == known => section.to_owned(),
            step => format!("{section} of step {step}"),
        }
    }
}

/// The number of the operation that a section is, if it is one.
fn sequence(section: &str) -> Option<u64> {
    const OPERATIONS: [&str; 7] = [
        "all-reduce",
        "reduce-scatter",
        "all-gather",
        "broadcast",
        "barrier",
        "question",
        "meeting",
    ];
    let (operation, number) = section.split_once(' ')?;
    OPERATIONS.contains(&operation).then(|| number.parse().ok())?
}

/// What ranks in the same section depend on together.
fn shared(section: &str) -> &'static str {
    match section.split(' ').next().unwrap_or_default() {
        "data" | "loading" | "checkpoint" => "the file system of the run first",
        "meeting" | "starting" => "the address of rank 0 first",
        _ => "their devices first",
    }
}

/// The others that are in the same state as the first.
fn add_others(sentence: &mut String, ranks: &[usize], verb: &str) {
    if let Some((_, others)) = ranks.split_first().filter(|(_, others)| !others.is_empty()) {
        let mut others = others.to_vec();
        others.sort_unstable();
        let verb = match (verb, others.len()) {
            ("nor have", 1) => "nor has",
            (verb, _) => verb,
        };
        // Writing to a string cannot fail.
        let _ = write!(sentence, "; {verb} {}", list(&others));
    }
}

/// `rank 3`, `ranks 4 to 7`, `ranks 1, 2 and 5`; sorted.
fn list(ranks: &[usize]) -> String {
    match ranks {
        [] => "no rank".to_owned(),
        [one] => format!("rank {one}"),
        [first, .., last] if ranks.len() > 2 && last - first + 1 == ranks.len() => {
            format!("ranks {first} to {last}")
        }
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(usize::to_string).collect();
            format!("ranks {} and {last}", most.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
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
                "rank 3 (node-b) has not been heard of for 61 s: its process stands still or is gone; it was in compute of step 40"
            ],
        );
        all[1].silent = 60.0;
        check(
            &all,
            Some(1),
            expect![
                "rank 1 (node-a) has not been heard of for 60 s: its process stands still or is gone; it was in all-reduce 812 of step 40; nor has rank 3"
            ],
        );
        let mut all = ranks(&[WAITING; 4]);
        all[2] = Rank { silent: 61.0, section: String::new(), step: 0, ..all[2].clone() };
        check(
            &all,
            Some(2),
            expect![
                "rank 2 (node-b) has not been heard of for 61 s: it has never said where it is"
            ],
        );
    }

    #[test]
    fn a_node_that_is_gone_is_named_with_its_ranks() {
        let mut all = ranks(&[WAITING; 8]);
        all[4..].iter_mut().for_each(|rank| rank.silent = 33.0);
        check(
            &all,
            Some(4),
            expect![
                "node-b with ranks 4 to 7 has not been heard of for 33 s: it is down or cut off"
            ],
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
}
