//! How a run stands, for a person: at most 80 columns.

use super::now::Now;
use super::past::Incident;
use super::sight::Sight;
use super::{Failure, Node, Rank, Standing, counted};
use crate::display::{duration, short};
use crate::logs;
use crate::submission::is_process;
use std::collections::{BTreeMap, BTreeSet};

/// Columns of a terminal that nobody has made wider.
const COLUMNS: usize = 80;

/// Columns of the labels.
const LABEL: usize = 10;

/// Most lines about nodes, and about ranks; more are counted.
const MOST: usize = 16;

/// Most failures that are shown; older ones are counted.
const FAILURES: usize = 4;

/// Characters of the bar.
const BAR: usize = 20;

/// Seconds in the same place that are worth a word.
const LONG: f64 = 10.0;

/// The whole picture.
pub fn of(now: &Now) -> String {
    let Now { standing, .. } = now;
    let mut rows = Rows::default();
    rows.add("run", format!("{} · {}", standing.run, now.run_dir.display()));
    rows.add("state", state(now));
    if let Some(queue) = &now.queue {
        let restarts = match queue.restarts {
            0 => String::new(),
            1 => " · began again once".to_owned(),
            times => format!(" · began again {times} times"),
        };
        let label = if is_process(&standing.backend) { "driver" } else { "queue" };
        rows.add(label, format!("{}{restarts}", queue.words));
    }
    if let Some(error) = &now.queue_error {
        rows.add("queue", format!("cannot be asked: {error}"));
    }
    progress(now, &mut rows);
    failures(&standing.failures, &mut rows);
    seen(now, &mut rows);
    if !now.is_over() {
        rows.add_all("nodes", nodes(&standing.nodes));
        rows.add_all("ranks", ranks(standing));
    }
    rows.text
}

/// One line, for who cannot be shown a picture.
pub fn line(now: &Now) -> String {
    let mut text = format!("{}: {}", now.standing.run, now.word());
    if now.waits()
        && let Some(queue) = &now.queue
    {
        text += &format!(", {}", queue.words);
    }
    if let Some(step) = now.standing.progress.as_ref().filter(|_| !now.waits()) {
        text += &format!(", {} {} of {}", step.phase, step.step, step.steps);
        if let Some(loss) = step.loss {
            text += &format!(", loss {loss:.3}");
        }
    }
    match now.standing.failures.len() {
        0 => text,
        times => format!("{text}, {}", counted(times, "failure")),
    }
}

/// Labelled lines.
#[derive(Default)]
struct Rows {
    text: String,
}

impl Rows {
    fn add(&mut self, label: &str, line: String) {
        let line = line.replace(['\n', '\r', '\t'], " ");
        self.text += &clipped(&format!("{label:<LABEL$}{line}"), COLUMNS);
        self.text.push('\n');
    }

    fn add_all(&mut self, label: &str, lines: Vec<String>) {
        let more = lines.len().saturating_sub(MOST);
        for (index, line) in lines.into_iter().take(MOST).enumerate() {
            self.add(if index == 0 { label } else { "" }, line);
        }
        if more > 0 {
            self.add("", format!("and {more} more; --json names all"));
        }
    }
}

fn state(now: &Now) -> String {
    let Now { standing, .. } = now;
    let mut text = now.word().to_owned();
    match now.word() {
        "gone" if now.sight.damage.is_some() && standing.generation == 0 => {
            text += ": its events cannot be read, and nobody drives it";
        }
        "gone" => text += &format!(": it was {}, and nobody drives it", standing.state.name()),
        "prepared" => text += ": nothing was started here",
        _ => {}
    }
    if standing.generation > 0 {
        text += &format!(" · generation {}", standing.generation);
    }
    match (&now.driver, standing.process) {
        (Some(_), process) if process > 0 => {
            text += &format!(" · driver: process {process} of {}", standing.host);
        }
        (Some(holder), _) => text += &format!(" · driver: {holder}"),
        (None, _) => {}
    }
    text
}

fn progress(now: &Now, rows: &mut Rows) {
    let Some(step) = &now.standing.progress else { return };
    let bar = match step.steps {
        0 => format!("step {}", step.step),
        steps => {
            // Files of others may say any number.
            let full = BAR as u128 * step.step.min(steps) as u128 / steps as u128;
            let full = full as usize;
            let (full, rest) = ("#".repeat(full), "-".repeat(BAR - full));
            format!("[{full}{rest}] {} of {steps}", step.step)
        }
    };
    rows.add("phase", format!("{} {bar}", clipped(&step.phase, 30)));
    let mut parts = Vec::new();
    if let Some(loss) = step.loss {
        parts.push(format!("{loss:.3}"));
    }
    if step.tokens_per_second > 0.0 {
        parts.push(format!("{} tok/s", short(step.tokens_per_second)));
    }
    if !now.is_over() && step.eta_seconds > 0.0 && step.step < step.steps {
        parts.push(format!("{} left in the phase", duration(step.eta_seconds)));
    }
    if !parts.is_empty() {
        rows.add("loss", parts.join(" · "));
    }
}

/// What the directory shows beside: how it came to stand so, whose it is, what was left out or is damaged.
fn seen(now: &Now, rows: &mut Rows) {
    let Sight { how, sweep, incidents, damage, .. } = &now.sight;
    if let Some(how) = how.as_ref().filter(|_| now.driver.is_none()) {
        rows.add("because", how.words());
    }
    if let Some(sweep) = sweep {
        rows.add("sweep", format!("a trial of {}", sweep.display()));
    }
    if let Some(newest) = incidents.last() {
        let (steps, Incident { phase, step, .. }) = (counted(incidents.len(), "step"), newest);
        let words = format!("{steps} left out, the newest {step} of {phase}; see incidents/");
        rows.add("guard", words);
    }
    if let Some(damage) = damage {
        rows.add("events", format!("events.jsonl {damage}"));
    }
}

fn failures(failures: &[Failure], rows: &mut Rows) {
    let older = failures.len().saturating_sub(FAILURES);
    if older > 0 {
        rows.add("failures", format!("{older} older"));
    }
    for (index, failure) in failures[older..].iter().enumerate() {
        let label = if index == 0 && older == 0 { "failures" } else { "" };
        let time = failure.time.get(11..19).unwrap_or_default();
        let Failure { kind, course, sentence, .. } = failure;
        rows.add(label, format!("{time} {kind} -> {course}: {sentence}"));
    }
}

/// Nodes in their order, those that are alike in one line.
fn nodes(nodes: &[Node]) -> Vec<String> {
    let line = |node: &Node| {
        let ranks = match node.ranks.as_slice() {
            [] => String::new(),
            ranks => format!(" {}", logs::name(&ranks.iter().copied().collect())),
        };
        let failures = match node.failures {
            0 => String::new(),
            times => format!(" · {}", counted(times, "failure")),
        };
        let host = match node.host.as_str() {
            host if host.is_empty() || host == node.name => String::new(),
            host => format!(" ({host})"),
        };
        format!("{}{host} {}{ranks}{failures}", node.name, node.state)
    };
    nodes.iter().map(line).collect()
}

/// What ranks do, those that do the same on the same node in one line.
fn ranks(standing: &Standing) -> Vec<String> {
    let mut groups: BTreeMap<(usize, &str, usize), (BTreeSet<usize>, f64)> = BTreeMap::new();
    let mut order = Vec::new();
    for (number, rank) in standing.ranks.iter().enumerate() {
        let Rank { node, section, step, seconds, process, .. } = rank;
        let section = match (section.as_str(), process) {
            ("", 0) => "not there",
            ("", _) => "there",
            (section, _) => section,
        };
        let key = (*node, section, *step);
        let group = groups.entry(key).or_insert_with(|| {
            order.push(key);
            (BTreeSet::new(), 0.0)
        });
        group.0.insert(number);
        group.1 = group.1.max(*seconds);
    }
    let line = |key: &(usize, &str, usize)| {
        let ((node, section, step), (ranks, seconds)) = (*key, groups.get(key)?);
        let node = standing.nodes.get(node).map_or("", |node| node.name.as_str());
        let ranks = logs::name(ranks);
        let ranks = ranks.split_once(' ').map_or("", |(_, numbers)| numbers);
        let of = if step > 0 { format!(" of step {step}") } else { String::new() };
        let long =
            if *seconds >= LONG { format!(" for {}", duration(*seconds)) } else { String::new() };
        let words = [ranks, node, &format!("{section}{of}{long}")].map(str::to_owned);
        Some(words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
    };
    order.iter().filter_map(line).collect()
}

/// `text`, cut to so many characters.
fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{State, Step};
    use super::*;
    use crate::backend::{QueueState, Stage};
    use expect_test::expect;

    fn standing() -> Standing {
        let node = |name: &str, state: &str, ranks: std::ops::Range<usize>, failures| Node {
            name: name.to_owned(),
            host: name.to_owned(),
            state: state.to_owned(),
            ranks: ranks.collect(),
            failures,
        };
        let rank = |number: usize| Rank {
            node: number / 8,
            process: 100 + number as u32,
            section: if number == 9 { "data" } else { "all-reduce 812" }.to_owned(),
            phase: "alignment".to_owned(),
            step: 40,
            seconds: if number == 9 { 61.0 } else { 0.5 },
            ..Rank::default()
        };
        Standing {
            run: "knowcoder-x".to_owned(),
            state: State::Running,
            generation: 2,
            world: 16,
            backend: "slurm".to_owned(),
            host: "node-a".to_owned(),
            process: 4711,
            updated: "2026-11-23T09:14:30.000Z".to_owned(),
            progress: Some(Step {
                phase: "alignment".to_owned(),
                step: 39,
                steps: 400,
                loss: Some(1.23456),
                tokens_per_second: 12_345.0,
                eta_seconds: 4000.0,
            }),
            nodes: vec![
                node("node-a", "working", 0..8, 0),
                node("node-b", "lost", 0..0, 1),
                node("node-c", "working", 8..16, 0),
            ],
            ranks: (0..16).map(rank).map(|it| Rank { node: it.node * 2, ..it }).collect(),
            failures: vec![Failure {
                time: "2026-11-23T09:14:02.000Z".to_owned(),
                generation: 1,
                kind: "node-lost".to_owned(),
                sentence:
                    "node-b has not been heard of for 15 s while phase `alignment` was at step 17"
                        .to_owned(),
                rank: Some(8),
                node: Some("node-b".to_owned()),
                course: "spare".to_owned(),
                ..Failure::default()
            }],
        }
    }

    fn check(now: &Now, expected: expect_test::Expect) {
        let text = of(now);
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        expected.assert_eq(&text);
    }

    #[test]
    fn a_run_is_seen_at_a_glance() {
        let now = Now {
            run_dir: "runs/knowcoder-x".into(),
            standing: standing(),
            source: "status.json",
            driver: Some("process 4711".to_owned()),
            ..Now::default()
        };
        check(
            &now,
            expect![[r#"
                run       knowcoder-x · runs/knowcoder-x
                state     running · generation 2 · driver: process 4711 of node-a
                phase     alignment [#-------------------] 39 of 400
                loss      1.235 · 12.3k tok/s · 67 min left in the phase
                failures  09:14:02 node-lost -> spare: node-b has not been heard of for 15 s wh…
                nodes     node-a working ranks 0-7
                          node-b lost · 1 failure
                          node-c working ranks 8-15
                ranks     0-7 node-a all-reduce 812 of step 40
                          8, 10-15 node-c all-reduce 812 of step 40
                          9 node-c data of step 40 for 61 s
            "#]],
        );
        expect!["knowcoder-x: running, alignment 39 of 400, loss 1.235, 1 failure"]
            .assert_eq(&line(&now));
    }

    #[test]
    fn one_that_waits_says_why_and_one_without_a_driver_says_so() {
        let queue = QueueState {
            stage: Stage::Waiting,
            words: "PENDING (Resources)".to_owned(),
            restarts: 1,
        };
        let waiting = Now {
            run_dir: "r".into(),
            standing: Standing { run: "tiny".to_owned(), ..Standing::default() },
            source: "events.jsonl",
            queue: Some(queue),
            ..Now::default()
        };
        check(
            &waiting,
            expect![[r#"
                run       tiny · r
                state     waiting
                queue     PENDING (Resources) · began again once
            "#]],
        );
        expect!["tiny: waiting, PENDING (Resources)"].assert_eq(&line(&waiting));
        let gone = Now {
            standing: Standing { failures: Vec::new(), ..standing() },
            gone: true,
            driver: None,
            queue: None,
            ..waiting
        };
        check(
            &gone,
            expect![[r#"
                run       knowcoder-x · r
                state     gone: it was running, and nobody drives it · generation 2
                phase     alignment [#-------------------] 39 of 400
                loss      1.235 · 12.3k tok/s
            "#]],
        );
    }

    #[test]
    fn what_the_directory_shows_beside_is_told() {
        let incident = Incident { phase: "alignment".to_owned(), step: 408, ..Incident::default() };
        let sight = Sight {
            how: Some(super::super::sight::How::AtOnce),
            sweep: Some("/sw".into()),
            incidents: vec![incident],
            damage: Some("is damaged: line 2 of 9 is no JSON".to_owned()),
            ..Sight::default()
        };
        let words = "its driver, process 7 of node-a, is gone".to_owned();
        let standing = Standing {
            run: "tiny".to_owned(),
            state: State::Stopped,
            backend: "local".to_owned(),
            ..Standing::default()
        };
        let now = Now {
            run_dir: "r".into(),
            standing,
            sight,
            queue: Some(QueueState { stage: Stage::Unknown, words, restarts: 0 }),
            ..Now::default()
        };
        check(
            &now,
            expect![[r#"
                run       tiny · r
                state     stopped
                driver    its driver, process 7 of node-a, is gone
                because   it was ended at once, as asked
                sweep     a trial of /sw
                guard     1 step left out, the newest 408 of alignment; see incidents/
                events    events.jsonl is damaged: line 2 of 9 is no JSON
            "#]],
        );
    }

    #[test]
    fn a_thousand_ranks_that_all_differ_are_counted() {
        let ranks = (0..1024).map(|step| Rank { step: step + 1, process: 1, ..Rank::default() });
        let standing = Standing { ranks: ranks.collect(), ..standing() };
        let now =
            Now { standing, source: "status.json", driver: Some(String::new()), ..Now::default() };
        let text = of(&now);
        assert!(text.contains("0 node-a there of step 1\n"), "{text}");
        assert!(text.ends_with("          and 1008 more; --json names all\n"), "{text}");
    }
}
