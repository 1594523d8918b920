//! Why a run stands still, from where each of its ranks was last.
//!
//! Ranks wait for each other, so that all of them complain when one does not come. What is looked for is the
//! rank that is not where the others wait: it is silent, or behind them, or it came late. Where all wait in the
//! same operation, it is the way between them; where none waits, each is busy with something of its own.

#[cfg(test)]
mod tests;

use crate::standing::Rank;
use std::fmt::Write;
use trainer::whereabouts::CHECKPOINT;

/// Ranks say each second where they are: one that has been silent for so long does not run.
const SILENT: f64 = 5.0;

/// Seconds that are no standing still, but the time between two notes. A note that is older says where a rank was,
/// not where it is.
const MOMENT: f64 = 2.0;

/// What is said of a run that stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The rank to look at, if it is one.
    pub rank: Option<usize>,
    /// One sentence.
    pub sentence: String,
    /// Ranks that do not answer, so that to ask them to end is in vain: their processes stand still, or what they do
    /// keeps them from the operation that the others wait in. One that is in a checkpoint may still finish it.
    pub deaf: Vec<usize>,
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
            let rank = (silent.len() == 1).then_some(first);
            let deaf = rank.into_iter().collect();
            return Some(Verdict { rank, sentence, deaf });
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
            return Some(Verdict { rank: Some(first), sentence, deaf: silent });
        }
        let was = match self.ranks[first].section.as_str() {
            "" => "it has never said where it is".to_owned(),
            _ => format!(
                "its process stands still or is gone; what it said last was that it is in {}",
                self.place(first)
            ),
        };
        let mut sentence =
            format!("{} has not been heard of for {seconds:.0} s: {was}", self.who(first));
        add_others(&mut sentence, &silent, "nor have");
        Some(Verdict { rank: Some(first), sentence, deaf: silent })
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
        let mut sentence = match self.ranks[rank].silent >= MOMENT {
            true => format!(
                "{} has not been heard of for {:.0} s and was not in {} then: it said that it is in {}",
                self.who(rank),
                self.ranks[rank].silent,
                self.place(place),
                self.section(rank, self.ranks[place].step),
            ),
            false => format!(
                "{} never entered {}: {} {} for {:.0} s",
                self.who(rank),
                self.place(place),
                if sequence(&self.ranks[rank].section).is_some() { "still in" } else { "in" },
                self.section(rank, self.ranks[place].step),
                self.ranks[rank].seconds,
            ),
        };
        behind.retain(|other| *other != rank);
        behind.insert(0, rank);
        add_others(&mut sentence, &behind, "nor did");
        behind.retain(|rank| self.is_busy_in_vain(*rank));
        Some(Verdict { rank: Some(rank), sentence, deaf: behind })
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
        Verdict { rank: None, sentence, deaf: Vec::new() }
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
        Some(Verdict { rank: Some(*last), sentence, deaf: Vec::new() })
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
        Some(Verdict { rank, sentence, deaf: Vec::new() })
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
            return Some(Verdict { rank: None, sentence, deaf: Vec::new() });
        }
        let silent = self.ranks[rank].silent;
        let mut sentence = format!("{} has been in {place} for {seconds:.0} s", self.who(rank));
        if silent >= MOMENT {
            // Writing to a string cannot fail.
            let _ = write!(sentence, " by its last word, {silent:.0} s ago");
        }
        if self.ranks.len() > 1 {
            sentence += ", longer than any other rank, and none waits in an operation";
        }
        let deaf = if self.is_busy_in_vain(rank) { vec![rank] } else { Vec::new() };
        Some(Verdict { rank: Some(rank), sentence, deaf })
    }

    /// Whether what a rank does by itself is nothing that must be let finish, and none of the waits that end when the
    /// other ranks do.
    fn is_busy_in_vain(&self, rank: usize) -> bool {
        let section = self.ranks[rank].section.as_str();
        section != CHECKPOINT && sequence(section).is_none()
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
