//! The nodes of a crew, looked at: before a run, when they come later, or without a run.

use super::asker::Asker;
use super::sums::Sums;
use super::{Drive, Driver, absence, heard, listed, transient};
use crate::backend;
use crate::cluster::{Backend, Cluster};
use crate::crew::{Admission, Crew, Member, News};
use crate::error::Error;
use crate::events::Events;
use crate::preflight::{Depth, Finding, Level, Report, Wanted, examine, there};
use crate::supervise::Patience;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};
use trainer::collective::Secret;
use trainer::device::BUILT;

/// How long spares are awaited before a run begins without them.
const SPARES: Duration = Duration::from_secs(15);

/// How long memory is awaited that ranks of this run hold which are just being ended: who waits for a device or a
/// file server takes a while to be gone.
const RELEASE: Duration = Duration::from_secs(30);

/// Between two looks at it.
const PAUSE: Duration = Duration::from_secs(2);

/// An agent that was looked at: its node, its host and its process. One that comes back is another.
pub type Agent = (usize, String, u32);

/// What follows from a look at those who have come since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// They get ranks.
    Granted,
    /// Somebody is of no use or gone: the places are to be filled again.
    Refused,
    /// Somebody wants the run to end.
    Stopped,
}

impl Driver<'_> {
    /// Looks at all nodes before the first start: whole where there are several, else at what is quick. `false`:
    /// somebody wants the run to end.
    pub(super) async fn preflight(&mut self) -> Result<bool, Error> {
        let Some(mut wanted) = self.wanted()? else { return Ok(true) };
        let depth = match self.crew.address() {
            Some(_) => Depth::Whole,
            None => Depth::Quick,
        };
        match depth {
            Depth::Whole => self.await_spares().await?,
            // Of this machine it was settled with the plan.
            Depth::Quick => wanted.memory.clear(),
        }
        let nodes = present(&self.crew);
        // A driver before this one may have ended a moment ago, and its ranks with it.
        let had_ranks = self.events.count("started")? > 0;
        let is_wrong = |it: &Finding| it.level == Level::Fail;
        let asked = (nodes.clone(), wanted, depth);
        let Some(mut report) = self.settled(asked, is_wrong, |_| had_ranks).await? else {
            return Ok(false);
        };
        if depth == Depth::Whole {
            let (run_dir, cluster) = (self.asked.run_dir.root(), self.asked.cluster);
            let places = self.places.nodes().to_vec();
            summed(&mut self.crew, places, (run_dir, cluster), &mut report, self.events).await?;
            if !self.places.missing(&self.crew).is_empty() {
                // Who is lost meanwhile is awaited and looked at again, like everybody who is lost later.
                report.findings.retain(|it| it.check != "sums");
            }
        }
        if nodes.iter().any(|node| !self.crew.members()[*node].is_present()) {
            // Who went meanwhile is awaited, and looked at when it is there.
            return Ok(true);
        }
        self.tell(&report);
        report.refusal().map_or(Ok(()), Err)?;
        self.looked.extend(nodes.into_iter().filter_map(|node| agent(&self.crew, node)));
        Ok(true)
    }

    /// What a look at nodes finds, once what may pass has had the time to: memory on nodes that `had_ranks`. Nothing
    /// if somebody wants the run to end meanwhile.
    async fn settled(
        &mut self,
        (nodes, wanted, depth): (Vec<usize>, Wanted, Depth),
        is_wrong: impl Fn(&Finding) -> bool,
        had_ranks: impl Fn(&str) -> bool,
    ) -> Result<Option<Report>, Error> {
        let until = Instant::now() + RELEASE;
        let mut told = false;
        loop {
            let report = self.examined(nodes.clone(), wanted.clone(), depth).await?;
            let wrong = report.findings.iter().filter(|it| is_wrong(it));
            if !may_pass(wrong, &had_ranks) || Instant::now() >= until {
                return Ok(Some(report));
            }
            if !std::mem::replace(&mut told, true) {
                let line = "waiting for memory that ranks of an earlier start may still hold";
                self.display.line(line);
            }
            let next = Instant::now() + PAUSE;
            while Instant::now() < next {
                if !self.awaited().await? {
                    return Ok(None);
                }
            }
        }
    }

    /// Looks at nodes that have come since, before they get ranks.
    pub(super) async fn admits(&mut self) -> Result<Entry, Error> {
        if self.crew.address().is_none() {
            return Ok(Entry::Granted);
        }
        let is_known = |node: &usize| {
            agent(&self.crew, *node).is_some_and(|agent| self.looked.contains(&agent))
        };
        // Those that are known come first: what differs is compared with them.
        let (mut nodes, new): (Vec<usize>, Vec<usize>) =
            self.places.nodes().iter().copied().partition(is_known);
        let Some(wanted) = (if new.is_empty() { None } else { self.wanted()? }) else {
            return Ok(Entry::Granted);
        };
        nodes.extend(&new);
        nodes.retain(|node| self.crew.members()[*node].is_present());
        let names = self.names(&new);
        // Where ranks ended a moment ago, their memory may be on its way back.
        let counts = |it: &Finding| {
            let is_new = it.node.as_ref().is_none_or(|node| names.contains(node));
            it.level == Level::Fail && (is_new || it.check != "memory")
        };
        let returned = self.returned(&new);
        let had_ranks = |node: &str| returned.iter().any(|it| it == node);
        let asked = (nodes, wanted, Depth::Quick);
        let Some(report) = self.settled(asked, counts, had_ranks).await? else {
            return Ok(Entry::Stopped);
        };
        if !self.places.missing(&self.crew).is_empty() {
            return Ok(Entry::Refused);
        }
        self.tell(&report);
        let name = |node: &usize| self.crew.members()[*node].name.clone();
        let Some(first) = report.findings.iter().find(|it| counts(it)) else {
            self.looked.extend(new.into_iter().filter_map(|node| agent(&self.crew, node)));
            return Ok(Entry::Granted);
        };
        let is_its = |node: &usize| first.check == "agent" && first.node == Some(name(node));
        if let Some(silent) = self.places.nodes().iter().copied().find(is_its) {
            // Whoever is there and does not answer is of no more use than one that does not clear.
            self.crew.give_up(silent);
            return Ok(Entry::Refused);
        }
        let blamed = new.iter().find(|node| first.node == Some(name(node))).copied();
        match blamed.filter(|_| self.places.has_spare(&self.crew)) {
            Some(node) => self.refuse(node, first)?,
            None => return Err(first.refusal()),
        }
        Ok(Entry::Refused)
    }

    /// Names of those among `nodes` that were there before, under their number or on their host: ranks of this run
    /// may still be on their way out there.
    fn returned(&self, nodes: &[usize]) -> Vec<String> {
        let agents = nodes.iter().filter_map(|node| agent(&self.crew, *node));
        let is_known = |(node, host, _): &Agent| {
            self.looked.iter().any(|(before, place, _)| before == node || place == host)
        };
        let known: Vec<usize> = agents.filter(is_known).map(|(node, ..)| node).collect();
        self.names(&known)
    }

    fn names(&self, nodes: &[usize]) -> Vec<String> {
        nodes.iter().map(|node| self.crew.members()[*node].name.clone()).collect()
    }

    /// A node gets no ranks, since a spare is there that may do better.
    fn refuse(&mut self, node: usize, finding: &Finding) -> Result<(), Error> {
        let member = self.crew.member(node);
        member.is_cordoned = true;
        let (name, failures) = (member.name.clone(), member.failures.len());
        let reason = format!("{}: {}", finding.check, finding.line);
        let fields = json!({"node": node, "name": name, "failures": failures, "reason": reason});
        self.events.record("cordoned", fields)?;
        self.display.line(&format!("node {name} takes no part: preflight, {reason}"));
        Ok(())
    }

    /// What the run asks of nodes; nothing where they are not to be looked at.
    fn wanted(&self) -> Result<Option<Wanted>, Error> {
        let Drive { run_dir, cluster, recipe, .. } = *self.asked;
        let Some(recipe) = recipe.filter(|_| cluster.preflight) else { return Ok(None) };
        Wanted::of(cluster, &recipe.run.device, Some(recipe), run_dir).map(Some)
    }

    async fn examined(
        &mut self,
        nodes: Vec<usize>,
        wanted: Wanted,
        depth: Depth,
    ) -> Result<Report, Error> {
        let root = self.asked.run_dir.root();
        examined(&mut self.crew, nodes, (root, depth), wanted, self.events).await
    }

    /// Warnings, and that the rest is as it should be.
    fn tell(&mut self, report: &Report) {
        for finding in report.findings.iter().filter(|it| it.level == Level::Warn) {
            let node = finding.node.as_ref().map_or(String::new(), |node| format!(" on `{node}`"));
            let line = format!("warning: {}{node}: {}", finding.check, finding.line);
            self.display.line(&line);
        }
        if let Some(line) = report.line() {
            self.display.line(&line);
        }
    }

    /// Waits a moment for those who are not needed yet; without them the run begins all the same.
    async fn await_spares(&mut self) -> Result<(), Error> {
        let until = Instant::now() + SPARES;
        let mut gone = Vec::new();
        let awaited = |crew: &Crew, gone: &[usize]| {
            let members = crew.members().iter().enumerate();
            let absent = members.filter(|(node, it)| !it.is_present() && !gone.contains(node));
            absent.map(|(_, member)| member.name.clone()).collect::<Vec<_>>()
        };
        while Instant::now() < until && !awaited(&self.crew, &gone).is_empty() {
            let next = tokio::time::timeout(Duration::from_millis(50), self.crew.next()).await;
            let mut news: Vec<(usize, News)> = next.into_iter().collect();
            news.extend(self.crew.look(Instant::now()));
            for (node, news) in news {
                heard(self.events, &self.crew, node, &news)?;
                if matches!(news, News::Lost(_) | News::Absent(_)) {
                    gone.push(node);
                }
            }
        }
        let absent = awaited(&self.crew, &[]);
        if !absent.is_empty() {
            let line = format!("warning: the run begins without {}", listed(&absent));
            self.display.line(&line);
        }
        Ok(())
    }
}

/// Whether nothing is wrong but that memory is held on nodes which `had_ranks` of this run: it may be theirs.
fn may_pass<'a>(
    mut wrong: impl Iterator<Item = &'a Finding>,
    had_ranks: impl Fn(&str) -> bool,
) -> bool {
    let is_held = |it: &Finding| it.check == "memory" && it.node.as_deref().is_some_and(&had_ranks);
    wrong.next().is_some_and(is_held) && wrong.all(is_held)
}

/// Nodes that are there.
fn present(crew: &Crew) -> Vec<usize> {
    let members = crew.members().iter().enumerate();
    members.filter(|(_, member)| member.is_present()).map(|(node, _)| node).collect()
}

/// Who stands for a node.
fn agent(crew: &Crew, node: usize) -> Option<Agent> {
    let facts = crew.members()[node].facts.as_ref()?;
    Some((node, facts.host.clone(), facts.process))
}

/// Looks at nodes of a crew, for a run in this directory.
async fn examined(
    crew: &mut Crew,
    nodes: Vec<usize>,
    (run_dir, depth): (&Path, Depth),
    wanted: Wanted,
    events: &mut Events,
) -> Result<Report, Error> {
    let names: Vec<String> = nodes.iter().map(|node| crew.members()[*node].name.clone()).collect();
    let toward = crew.address().map(str::to_owned);
    let mut asker = Asker { crew, nodes, news: Vec::new() };
    let site = (run_dir, depth);
    let report = examine(&mut asker, &names, site, wanted, toward.as_deref()).await;
    for (node, news) in std::mem::take(&mut asker.news) {
        heard(events, asker.crew, node, &news)?;
    }
    report
}

/// Lets ranks of no run sum at these places, where nothing is wrong so far, and adds to `report` how fast they are.
async fn summed(
    crew: &mut Crew,
    places: Vec<usize>,
    (run_dir, cluster): (&Path, &Cluster),
    report: &mut Report,
    events: &mut Events,
) -> Result<(), Error> {
    let device = report.wanted.device.clone();
    // What this build cannot compute on, it cannot sum on.
    let can = BUILT.contains(&device.as_str())
        && places.len() == cluster.nodes
        && places.iter().all(|node| crew.members()[*node].is_present());
    if cluster.ranks == 1 || report.level() == Level::Fail || !can {
        return Ok(());
    }
    let started = Instant::now();
    let whole = std::path::absolute(run_dir).map_err(data_pipeline::Error::read(run_dir))?;
    let mut sums = Sums { crew, nodes: places, news: Vec::new() };
    let found = sums.measured(cluster, &device, &there(&whole)).await;
    for (node, news) in std::mem::take(&mut sums.news) {
        heard(events, sums.crew, node, &news)?;
    }
    report.add_sums(found, started.elapsed());
    report.save(&whole)
}

/// Makes the nodes of `cluster` come, looks at them for a run in `run_dir`, and lets them go: no run is begun.
pub fn look(cluster: &Cluster, run_dir: &Path, wanted: Wanted) -> Result<Report, Error> {
    let folder = tempfile::tempdir().map_err(transient("make a temporary folder"))?;
    let secret = folder.path().join("secret");
    Secret::create(&secret)?;
    let secret = std::fs::read_to_string(&secret).map_err(transient("read a secret"))?;
    let admission = Admission {
        run: "preflight".to_owned(),
        secret,
        lease: cluster.faults.lease,
        join: cluster.deadlines.join.as_secs(),
    };
    let program = std::env::current_exe().map_err(transient("find the program itself"))?;
    let mut events = Events::open(&folder.path().join("events.jsonl"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(transient("start the preflight"))?;
    runtime.block_on(async {
        let is_here = cluster.backend == Backend::Local && cluster.nodes + cluster.spares == 1;
        let mut crew = match is_here {
            true => Crew::here(program, Patience::default().last_words),
            false => {
                let nodes = backend::nodes(cluster, run_dir);
                Crew::gather(nodes, admission, &program, folder.path()).await?
            }
        };
        let until = Instant::now() + cluster.deadlines.join;
        let is_known = |member: &Member| member.is_present() || member.farewell.is_some();
        while !crew.members().iter().all(is_known) && Instant::now() < until {
            // What comes of it is seen in the members.
            let _ = tokio::time::timeout(Duration::from_millis(50), crew.next()).await;
            crew.look(Instant::now());
        }
        let absent: Vec<&Member> = crew.members().iter().filter(|it| !it.is_present()).collect();
        if let Some(member) = absent.first() {
            let why = member.farewell.as_deref().unwrap_or("no word of it came");
            return Err(absence(&format!("node {}", member.name), why, member.refusal.clone()));
        }
        let nodes = present(&crew);
        let site = (run_dir, Depth::Whole);
        let mut report = examined(&mut crew, nodes.clone(), site, wanted, &mut events).await?;
        let places = nodes.into_iter().take(cluster.nodes).collect();
        summed(&mut crew, places, (run_dir, cluster), &mut report, &mut events).await?;
        crew.dismiss();
        crew.gone(Duration::from_secs(5)).await;
        Ok(report)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_awaited_where_ranks_of_this_run_may_hold_it() {
        let finding = |check: &str, node: &str| Finding {
            check: check.to_owned(),
            node: Some(node.to_owned()),
            level: Level::Fail,
            line: "45.0 GiB to use".to_owned(),
            way: None,
        };
        let passes = |wrong: &[Finding]| may_pass(wrong.iter(), |node| node == "node-b");
        let held = finding("memory", "node-b");
        assert!(passes(std::slice::from_ref(&held)));
        // Nobody ended there.
        assert!(!passes(&[held.clone(), finding("memory", "node-c")]));
        // What does not get better by waiting is said at once.
        assert!(!passes(&[held, finding("GPUs", "node-b")]));
        assert!(!passes(&[]));
    }
}
