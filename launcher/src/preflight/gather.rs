//! Asking the nodes, step by step, within two minutes.
//!
//! Whatever can be asked of all nodes at once is; links are tried in rounds, in each of which a node has one
//! partner, so that no link is measured while it carries something else. A node that does not answer is asked
//! nothing more: it costs its patience once.

use super::probe::{self, patience, probe};
use super::{Answer, Clock, NodeFindings, Trouble, Wanted};
use crate::error::{Error, exit};
use crate::wire::Probe;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest time of all questions together.
const LONGEST: Duration = Duration::from_secs(110);

/// The same for a quick look.
const QUICK: Duration = Duration::from_secs(30);

/// Longest time for links between pairs of nodes.
const LINKS: Duration = Duration::from_secs(45);

/// Longest time of removing what was written, behind all of them.
const CLEARING: Duration = Duration::from_secs(8);

/// Seconds that an answer may travel, beside the time that the node takes for it.
const TRAVEL: u64 = 4;

/// MiB of the small checkpoint that each node writes.
const CHECKPOINT_MIB: usize = 16;

/// Bytes of the one that it writes for a quick look, at most, and at least.
const QUICK_CHECKPOINT: (u64, u64) = (1 << 20, 4 << 10);

/// MiB that one node sends another: as much in all however many nodes there are.
const SENT_MIB: usize = 64;

/// Whoever takes questions to nodes and brings their answers.
pub trait Ask {
    /// Asks all of it at the same time and returns the answers in the order of the questions, each with the
    /// number of its node. An error stands for an answer that has not come within `patience`, or a node that is
    /// gone.
    async fn ask(
        &mut self,
        questions: Vec<(usize, Probe)>,
        patience: Duration,
    ) -> Vec<Result<Value, Error>>;
}

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// All there is.
    Whole,
    /// What takes no time that somebody would notice, where a run begins on one node or goes on with others: no
    /// links and no speeds, and a smaller checkpoint.
    Quick,
}

/// Nodes that are all this process.
pub struct Here;

impl Ask for Here {
    async fn ask(
        &mut self,
        questions: Vec<(usize, Probe)>,
        _patience: Duration,
    ) -> Vec<Result<Value, Error>> {
        // All start before the first is waited for; each ends by its own deadline.
        let start = |(_, asked): (usize, Probe)| {
            tokio::task::spawn_blocking(move || probe(&asked.check, &asked.with))
        };
        let started: Vec<_> = questions.into_iter().map(start).collect();
        let mut answers = Vec::with_capacity(started.len());
        for task in started {
            answers.push(task.await.map_err(|error| {
                Error::new(exit::BUG, format!("a check ended by a panic: {error}"))
            }));
        }
        answers
    }
}

/// What is looked at, and where.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The nodes, those that work first.
    pub names: &'a [String],
    /// The run's directory, absolute.
    pub run_dir: &'a Path,
    /// Where something may be written for a moment: where checkpoints will lie, or what of its path is there.
    pub folder: &'a Path,
    /// An address that all nodes reach, `host:port`: it tells each which of its own leads to others.
    pub toward: Option<&'a str>,
    /// What tells this preflight from others: 32 hexadecimal digits.
    pub nonce: &'a str,
    /// How much is looked at.
    pub depth: Depth,
}

/// What the nodes found.
pub async fn gather(ask: &mut impl Ask, site: Site<'_>, wanted: &Wanted) -> Vec<NodeFindings> {
    let named = |name: &String| NodeFindings { name: name.clone(), ..NodeFindings::default() };
    let nodes = site.names.iter().map(named).collect();
    let longest = match site.depth {
        Depth::Whole => LONGEST,
        Depth::Quick => QUICK,
    };
    let mut round = Round { ask, site, nodes, ends: Instant::now() + longest, asked: 0 };
    if !round.is_alone() {
        round.clocks().await;
    }
    round.machines(wanted).await;
    round.storage(wanted).await;
    if site.depth == Depth::Whole {
        let efforts = round.all("compute", |_| Some(json!({}))).await;
        round.keep(efforts, |node, found| node.effort = Some(found));
        round.links().await;
    }
    // However late it is, nothing is left behind.
    round.ends = Instant::now() + CLEARING;
    let _: Vec<Option<Answer<()>>> = round.all("clear", |_| Some(round_scratch(site))).await;
    round.nodes
}

/// A folder for what is written in a preflight.
fn round_scratch(site: Site<'_>) -> Value {
    json!({"folder": site.folder, "nonce": site.nonce})
}

/// Questions to all nodes.
struct Round<'a, A> {
    ask: &'a mut A,
    site: Site<'a>,
    nodes: Vec<NodeFindings>,
    ends: Instant,
    asked: u64,
}

impl<A: Ask> Round<'_, A> {
    /// Whether nobody is there who could have another clock, program, recipe or data, and time matters.
    fn is_alone(&self) -> bool {
        self.site.depth == Depth::Quick && self.nodes.len() == 1
    }

    /// Asks each node for which `with` has something to say; the answers by the numbers of the nodes.
    async fn all<T: DeserializeOwned>(
        &mut self,
        check: &str,
        with: impl Fn(usize) -> Option<Value>,
    ) -> Vec<Option<Answer<T>>> {
        let mut answers: Vec<Option<Answer<T>>> = self.nodes.iter().map(|_| None).collect();
        let left = self.ends.saturating_duration_since(Instant::now());
        let patience = Duration::from_secs(patience(check) + TRAVEL).min(left);
        let mut questions = Vec::new();
        for (node, found) in self.nodes.iter_mut().enumerate() {
            let Some(with) = with(node).filter(|_| found.silent.is_none()) else { continue };
            if left.is_zero() {
                found.unasked.insert(check.to_owned());
                continue;
            }
            self.asked += 1;
            questions.push((node, Probe { id: self.asked, check: check.to_owned(), with }));
        }
        let whom: Vec<usize> = questions.iter().map(|it| it.0).collect();
        if whom.is_empty() {
            return answers;
        }
        for (node, answer) in whom.into_iter().zip(self.ask.ask(questions, patience).await) {
            match answer {
                Ok(value) => answers[node] = Some(probe::read(value)),
                Err(error) => {
                    let silent = format!("did not answer `{check}`: {}", error.message);
                    self.nodes[node].silent = Some(silent);
                }
            }
        }
        answers
    }

    /// Puts answers where they belong.
    fn keep<T>(
        &mut self,
        answers: Vec<Option<Answer<T>>>,
        into: impl Fn(&mut NodeFindings, Answer<T>),
    ) {
        for (node, answer) in self.nodes.iter_mut().zip(answers) {
            if let Some(answer) = answer {
                into(node, answer);
            }
        }
    }

    /// Of all answers the quickest counts. After the first, for which all are asked together, each node is asked by
    /// itself, so that none waits behind another.
    async fn clocks(&mut self) {
        let sent = (probe::now(), Instant::now());
        let answers: Vec<Option<Answer<u64>>> = self.all("clock", |_| Some(json!({}))).await;
        for (node, answer) in answers.into_iter().enumerate() {
            if let Some(Ok(theirs)) = answer {
                self.read_clock(node, theirs, sent);
            }
        }
        if self.site.depth == Depth::Quick {
            return;
        }
        for node in 0..self.nodes.len() {
            for _ in 0..3 {
                let sent = (probe::now(), Instant::now());
                let answers = self.all("clock", |it| (it == node).then(|| json!({}))).await;
                let Some(Some(answer)) = answers.into_iter().nth(node) else { break };
                let answer: Answer<u64> = answer;
                let Ok(theirs) = answer else { break };
                self.read_clock(node, theirs, sent);
            }
        }
    }

    /// What a clock says beside ours, if it was said quicker than what is known of it.
    fn read_clock(&mut self, node: usize, theirs: u64, sent: (u64, Instant)) {
        let round_trip = u64::try_from(sent.1.elapsed().as_millis()).unwrap_or(u64::MAX);
        let middle = sent.0.saturating_add(round_trip / 2);
        let ahead = i64::try_from(i128::from(theirs) - i128::from(middle));
        let found = Clock { ahead: ahead.unwrap_or(i64::MAX), round_trip };
        let kept = &mut self.nodes[node].clock;
        if kept.is_none_or(|kept| found.round_trip < kept.round_trip) {
            *kept = Some(found);
        }
    }

    /// What nodes are, and what they would read.
    async fn machines(&mut self, wanted: &Wanted) {
        let Site { run_dir, folder, toward, .. } = self.site;
        let several = self.nodes.len() > 1;
        let brief = self.is_alone().then_some(&wanted.device);
        let about = json!({"folder": folder, "brief": brief});
        let facts = self.all("facts", |_| Some(about.clone())).await;
        self.keep(facts, |node, found| node.facts = Some(found));
        if self.is_alone() {
            return;
        }
        let recipes = self.all("recipe", |_| Some(json!({"run_dir": run_dir}))).await;
        self.keep(recipes, |node, found| node.recipe = Some(found));
        let places = json!({"run_dir": run_dir, "named": wanted.named});
        let manifests = self.all("manifests", |_| Some(places.clone())).await;
        self.keep(manifests, |node, found| node.manifests = Some(found));
        if self.site.depth == Depth::Quick {
            return;
        }
        let port = |node: usize| {
            let port = wanted.port.filter(|_| node == 0);
            Some(json!({"interface": wanted.interface, "toward": toward, "port": port}))
        };
        let ports = self.all("port", port).await;
        self.keep(ports, |node, found| node.port = Some(found));
        // Whoever cannot be reached has no place to listen at.
        let (seconds, nonce) = (LONGEST.as_secs(), self.site.nonce);
        let can: Vec<bool> = self.nodes.iter().map(|it| matches!(it.port, Some(Ok(_)))).collect();
        let listen = |node: usize| {
            let with = json!({
                "interface": wanted.interface, "toward": toward, "nonce": nonce, "seconds": seconds
            });
            (several && can[node]).then_some(with)
        };
        let listeners = self.all("listen", listen).await;
        self.keep(listeners, |node, found| node.listens = Some(found));
    }

    /// Tokens, room, and a small checkpoint that another node reads.
    async fn storage(&mut self, wanted: &Wanted) {
        let with = |site: Site<'_>, more: Value| {
            let mut with = round_scratch(site);
            if let (Value::Object(with), Value::Object(more)) = (&mut with, more) {
                with.extend(more);
            }
            Some(with)
        };
        let site = self.site;
        let tokens = self.all("token", |node| with(site, json!({"node": node}))).await;
        self.keep(tokens, |node, found| node.token = Some(found));
        let wrote: Vec<usize> = (0..self.nodes.len())
            .filter(|node| matches!(self.nodes[*node].token, Some(Ok(()))))
            .collect();
        let others = |node: usize| wrote.iter().copied().filter(|it| *it != node).collect();
        let see = |node: usize| {
            let of: Vec<usize> = others(node);
            let more = json!({"node": node, "of": of, "seconds": 8});
            with(site, more).filter(|_| !of.is_empty())
        };
        let seen = self.all("token", see).await;
        self.keep(seen, |node, found| node.seen = Some(found));
        // What is asked of the disk is asked once: it is one disk.
        if let (Some(bytes), Some(first)) = (wanted.disk, wrote.first()) {
            let more = |node| json!({"node": node, "bytes": bytes});
            let room = self.all("room", |it| with(site, more(it)).filter(|_| it == *first)).await;
            self.keep(room, |node, found| node.room = Some(found));
        }
        let bytes = match site.depth {
            Depth::Whole => CHECKPOINT_MIB << 20,
            // A run that writes hardly anything any more needs no more room than that.
            Depth::Quick => {
                let (most, least) = QUICK_CHECKPOINT;
                wanted.disk.unwrap_or(most).clamp(least, most) as usize
            }
        };
        let more = |node: usize| json!({"node": node, "bytes": bytes});
        let write = |node: usize| with(site, more(node)).filter(|_| wrote.contains(&node));
        let written = self.all("checkpoint", write).await;
        self.keep(written, |node, found| node.written = Some(found));
        let wrote: Vec<usize> = (0..self.nodes.len())
            .filter(|node| matches!(self.nodes[*node].written, Some(Ok(_))))
            .collect();
        // Each reads what the one before it wrote, the first what the last did.
        let of = |node: usize| {
            let place = wrote.iter().position(|it| *it == node)?;
            wrote.get((place + wrote.len() - 1) % wrote.len()).copied()
        };
        let read = |node: usize| with(site, json!({"node": node, "of": of(node)?}));
        let read = self.all("checkpoint", read).await;
        self.keep(read, |node, found| node.read = Some(found));
    }

    /// Every pair in both directions, then all nodes at once.
    async fn links(&mut self) {
        let count = self.nodes.len();
        let whole = self.ends;
        self.ends = whole.min(Instant::now() + LINKS);
        for pairs in rounds(count) {
            for back in [false, true] {
                let to = |node: usize| {
                    pairs.iter().find_map(|&(a, b)| match back {
                        false => (a == node).then_some(b),
                        true => (b == node).then_some(a),
                    })
                };
                for (node, to, answer) in self.reach(to).await {
                    self.nodes[node].links.insert(to, answer);
                }
            }
        }
        if count > 1 {
            for (node, _, answer) in self.reach(|node| Some((node + 1) % count)).await {
                self.nodes[node].ring = Some(answer);
            }
        }
        self.ends = whole;
    }

    /// Lets nodes reach others: who, whom, and what came of it.
    async fn reach(
        &mut self,
        to: impl Fn(usize) -> Option<usize>,
    ) -> Vec<(usize, usize, Answer<super::Measured>)> {
        let address = |nodes: &[NodeFindings], node: usize| match &nodes[node].listens {
            Some(Ok(bound)) if nodes[node].silent.is_none() => Some(bound.address.clone()),
            _ => None,
        };
        let listening: Vec<Option<String>> =
            (0..self.nodes.len()).map(|node| address(&self.nodes, node)).collect();
        let (nonce, mib) =
            (self.site.nonce, (2 * SENT_MIB / listening.len().max(1)).clamp(2, SENT_MIB));
        let with = |node: usize| {
            let address = listening[to(node)?].as_ref()?;
            Some(json!({"address": address, "nonce": nonce, "mib": mib}))
        };
        let answers = self.all("connect", with).await;
        let found = answers.into_iter().enumerate();
        found.filter_map(|(node, answer)| Some((node, to(node)?, answer?))).collect()
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self { error: error.message, way: error.hint }
    }
}

/// Pairs of so many players, in rounds in which nobody plays twice: one stays, the others go round it.
fn rounds(count: usize) -> Vec<Vec<(usize, usize)>> {
    let even = count + count % 2;
    let turns = even.saturating_sub(1);
    let pair = |turn: usize, place: usize| match place {
        0 => (turns, turn),
        place => ((turn + place) % turns, (turn + turns - place) % turns),
    };
    (0..turns)
        .map(|turn| {
            let pairs = (0..even / 2).map(|place| pair(turn, place));
            // With an odd number, one rests.
            pairs.filter(|(a, b)| *a < count && *b < count).collect()
        })
        .filter(|pairs: &Vec<_>| !pairs.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_pair_meets_once_and_nobody_twice_in_a_round() {
        for count in 0..=17 {
            let rounds = rounds(count);
            let mut met = BTreeSet::new();
            for round in &rounds {
                let mut busy = BTreeSet::new();
                for &(a, b) in round {
                    assert!(a != b && busy.insert(a) && busy.insert(b), "{count}: {round:?}");
                    assert!(met.insert((a.min(b), a.max(b))), "{count}: {a} and {b} meet again");
                }
            }
            assert_eq!(met.len(), count * count.saturating_sub(1) / 2);
            assert!(rounds.len() <= count);
        }
    }
}
