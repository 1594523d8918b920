//! How a run stands, as follows from what happened to it.

mod asked;

pub use asked::Incident;

use super::{Failure, Node, Rank, Standing, State, Step};
use serde_json::Value;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes at the end of `metrics.jsonl` in which its newest line is looked for.
const NEWEST: u64 = 1 << 20;

/// What happened to a run, in its order.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The lines of `events.jsonl`.
    pub events: Vec<Value>,
}

impl Past {
    /// Reads `events.jsonl`; a line that cannot be read, or has no end yet, is left out.
    pub fn read(path: &Path) -> Self {
        Self::parse(&std::fs::read(path).unwrap_or_default())
    }

    fn parse(bytes: &[u8]) -> Self {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines = bytes[..whole].split(|byte| *byte == b'\n');
        Self { events: lines.filter_map(|line| serde_json::from_slice(line).ok()).collect() }
    }

    /// The names of the events.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.events.iter().filter_map(|event| event["event"].as_str())
    }

    /// The newest event called `name`.
    pub fn newest(&self, name: &str) -> Option<&Value> {
        self.events.iter().rfind(|event| event["event"] == name)
    }

    /// Names of the nodes that were cordoned since somebody handed the run over: a person who does that again
    /// gives them another chance.
    pub fn cordoned(&self) -> Vec<String> {
        let since = self.events.iter().rposition(|event| event["event"] == "submitted");
        let events = self.events[since.unwrap_or(0)..].iter();
        let mut names: Vec<String> = events
            .filter(|event| event["event"] == "cordoned")
            .map(|event| text(event, "name"))
            .filter(|name| !name.is_empty())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// When the run last became something else, RFC 3339: `status.json` of before says nothing any more.
    pub fn turned(&self) -> Option<&str> {
        let turns = [
            "submitted",
            "submission-refused",
            "requeued",
            "phases-done",
            "started",
            "failure",
            "stop-requested",
            "kill-requested",
            "stopped",
            "failed",
            "done",
        ];
        let is_turn =
            |event: &&Value| event["event"].as_str().is_some_and(|it| turns.contains(&it));
        self.events.iter().rfind(is_turn).and_then(|event| event["time"].as_str())
    }

    /// How the run stands after all of it.
    pub fn standing(&self) -> Standing {
        let mut standing = Standing::default();
        // Whether the newest failure only follows from how a start ended: what is done about it comes behind.
        let mut is_derived = false;
        // Whether the event before has said it all.
        let mut was_failure = false;
        // Whether somebody wanted this start to end without saving.
        let mut is_killed = false;
        // What it was before it was handed over.
        let mut before = State::default();
        for event in &self.events {
            let known = standing.failures.len();
            let is_told = std::mem::replace(&mut was_failure, event["event"] == "failure");
            match event["event"].as_str() {
                Some("failure") if is_derived => {
                    standing.failures.pop();
                    is_derived = false;
                    standing.take(event);
                }
                Some("submitted") => {
                    is_killed = false;
                    before = standing.state;
                    standing.take(event);
                }
                Some("submission-refused") => {
                    standing.end(if before.is_over() { before } else { State::Failed });
                }
                Some("kill-requested") => {
                    is_killed = true;
                    standing.take(event);
                }
                // What was asked for is no failure.
                Some("failed") if is_killed && event["rank"].is_null() => {
                    // One end for one wish.
                    is_killed = false;
                    standing.end(State::Stopped);
                }
                Some("failed") if is_told => {
                    standing.take(event);
                    standing.failures.truncate(known);
                }
                Some("failed") => {
                    standing.take(event);
                    is_derived = true;
                }
                Some("started") => {
                    (is_derived, is_killed) = (false, false);
                    standing.take(event);
                }
                _ => standing.take(event),
            }
        }
        if let Some(time) = self.events.last().and_then(|event| event["time"].as_str()) {
            standing.updated = time.to_owned();
        }
        standing
    }
}

impl Standing {
    /// Goes on by one event.
    fn take(&mut self, event: &Value) {
        match event["event"].as_str().unwrap_or_default() {
            "submitted" => {
                self.state = State::Preparing;
                self.backend = text(event, "backend");
            }
            "requeued" => self.state = State::Preparing,
            // The job behind this one goes on.
            "phases-done" => self.end(State::Preparing),
            "started" => self.start(event),
            "rank-started" => self.rank_started(event),
            "rank-ended" => {
                if let Some(rank) = self.rank(event) {
                    rank.process = 0;
                    rank.section.clear();
                }
            }
            "resumed" => {
                let (phase, step) =
                    (text(event, "phase"), number(event, "step").unwrap_or_default());
                self.progress = Some(Step { phase, step, ..Step::default() });
            }
            "agent-joined" => {
                let name = text(event, "name");
                let node = self.node(event);
                // A job that begins again may have other nodes in another order.
                if node.name != name {
                    *node = Node { name, ..Node::default() };
                }
                node.host = text(event, "host");
                node.state = if node.ranks.is_empty() { "spare" } else { "working" }.to_owned();
            }
            "agent-leaving" => self.node(event).state = "drained".to_owned(),
            "agent-lost" => {
                let node = self.node(event);
                // Whoever said that it goes is not missed.
                if node.state != "drained" {
                    node.state = "lost".to_owned();
                }
            }
            "cordoned" => {
                let failures = number(event, "failures");
                let node = self.node(event);
                node.state = "cordoned".to_owned();
                // More are a broken line; what is counted on top must fit.
                node.failures = failures.map_or(node.failures, |it| it.min(1 << 20));
            }
            "failure" => self.fail(event),
            "stop-requested" | "kill-requested" => self.state = State::Stopping,
            "stopped" => self.end(State::Stopped),
            "done" => self.end(State::Done),
            "failed" => {
                self.end(State::Failed);
                // What is done about it comes behind, where something is.
                self.failures.push(failed(event, self.generation));
            }
            _ => {}
        }
    }

    fn start(&mut self, event: &Value) {
        self.state = State::Starting;
        self.generation = number(event, "start").unwrap_or_default() as u32;
        self.backend = text(event, "backend");
        // As many as a file may ask for; more is a broken line.
        self.world = number(event, "world").unwrap_or_default().min(1 << 20);
        self.ranks = vec![Rank::default(); self.world];
        for node in &mut self.nodes {
            node.ranks.clear();
        }
    }

    fn rank_started(&mut self, event: &Value) {
        let Some(number_of) = number(event, "rank") else { return };
        let node = number(event, "node");
        let Some(rank) = self.ranks.get_mut(number_of) else { return };
        rank.process = number(event, "process").unwrap_or_default() as u32;
        rank.node = node.unwrap_or_default();
        if let Some(node) = node.and_then(|node| self.nodes.get_mut(node)) {
            node.state = "working".to_owned();
            if !node.ranks.contains(&number_of) {
                node.ranks.push(number_of);
            }
        }
        if self.ranks.iter().all(|rank| rank.process != 0) && self.state == State::Starting {
            self.state = State::Running;
        }
    }

    fn fail(&mut self, event: &Value) {
        let failure = Failure {
            time: text(event, "time"),
            generation: number(event, "generation").unwrap_or(self.generation as usize) as u32,
            kind: text(event, "kind"),
            sentence: text(event, "sentence"),
            rank: number(event, "rank"),
            node: event["node"].as_str().map(str::to_owned),
            course: text(event, "course"),
            phase: event["phase"].as_str().map(str::to_owned),
            step: event["step"].as_u64(),
        };
        // That a node is wanted elsewhere is no failure of it.
        let is_its = |node: &&mut Node| {
            Some(&node.name) == failure.node.as_ref() && failure.kind != "node-drained"
        };
        if let Some(node) = self.nodes.iter_mut().find(is_its) {
            node.failures += 1;
        }
        // What ends a run is followed by how it ended.
        if !["stop", "requeue"].contains(&failure.course.as_str()) {
            self.state = State::Recovering;
        }
        self.failures.push(failure);
    }

    fn end(&mut self, state: State) {
        self.state = state;
        for rank in &mut self.ranks {
            rank.process = 0;
            rank.section.clear();
        }
    }

    fn rank(&mut self, event: &Value) -> Option<&mut Rank> {
        self.ranks.get_mut(number(event, "rank")?)
    }

    /// The node that an event is about, made if it is new.
    fn node(&mut self, event: &Value) -> &mut Node {
        let index = number(event, "node").unwrap_or_default().min(1 << 16);
        if self.nodes.len() <= index {
            self.nodes.resize(index + 1, Node { state: "awaited".to_owned(), ..Node::default() });
        }
        let node = &mut self.nodes[index];
        if node.name.is_empty() {
            node.name = text(event, "name");
        }
        node
    }
}

/// A `failed` event as the failure that it is.
fn failed(event: &Value, generation: u32) -> Failure {
    let rank = number(event, "rank");
    let end = &event["end"];
    let how = match (end["exit_code"].as_i64(), end["signal"].as_i64()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "failed".to_owned(),
    };
    let who = rank.map_or_else(|| "it".to_owned(), |rank| format!("rank {rank}"));
    let mut sentence = format!("{who} {how}");
    let words = event["last_words"].as_str().unwrap_or_default();
    if let (Some(phase), Some(step)) = (event["phase"].as_str(), event["step"].as_u64())
        && !words.contains("phase `")
    {
        sentence += &format!(" after step {step} of phase `{phase}`");
    }
    if !words.is_empty() {
        sentence += &format!(": {}", words.strip_prefix("error: ").unwrap_or(words));
    }
    let said = [
        ("out_of_memory", "out-of-memory"),
        ("lost", "node-lost"),
        ("drained", "node-drained"),
        ("hung", "hang"),
    ];
    let said = said.into_iter().find(|(name, _)| end[*name] == true).map(|(_, kind)| kind);
    let kind = match (event["exit_code"].as_u64(), end["signal"].as_i64()) {
        _ if said.is_some() => said.unwrap_or_default(),
        (_, Some(_)) => "rank-killed",
        (Some(64), _) => "declaration",
        (Some(65), _) => "data",
        (Some(69), _) => "backend",
        (Some(70), _) => "bug",
        (Some(75), _) => "transient",
        (Some(79), _) => "diverged",
        _ => "rank-failed",
    };
    Failure {
        time: text(event, "time"),
        generation,
        kind: kind.to_owned(),
        sentence,
        rank,
        node: event["node"].as_str().map(str::to_owned),
        course: "stop".to_owned(),
        phase: event["phase"].as_str().map(str::to_owned),
        step: event["step"].as_u64(),
    }
}

impl Step {
    /// The newest step of `metrics.jsonl`.
    pub fn newest(path: &Path) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let length = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(NEWEST))).ok()?;
        let mut bytes = Vec::new();
        file.take(NEWEST).read_to_end(&mut bytes).ok()?;
        Self::of_lines(&bytes)
    }

    fn of_lines(bytes: &[u8]) -> Option<Self> {
        let whole = &bytes[..bytes.iter().rposition(|byte| *byte == b'\n')?];
        let line: Value = whole
            .rsplit(|byte| *byte == b'\n')
            .find_map(|line| serde_json::from_slice(line).ok())?;
        let (step, steps) = (number(&line, "step")?, number(&line, "steps").unwrap_or_default());
        let seconds = line["seconds"].as_f64().unwrap_or_default();
        Some(Self {
            phase: text(&line, "phase"),
            step,
            steps,
            loss: line["loss"].as_f64(),
            tokens_per_second: line["tokens_per_second"].as_f64().unwrap_or_default(),
            eta_seconds: seconds * steps.saturating_sub(step) as f64,
        })
    }
}

fn text(event: &Value, key: &str) -> String {
    event[key].as_str().unwrap_or_default().to_owned()
}

fn number(event: &Value, key: &str) -> Option<usize> {
    event[key].as_u64().and_then(|number| usize::try_from(number).ok())
}

#[cfg(test)]
mod tests;
