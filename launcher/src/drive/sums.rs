//! How fast the ranks of a run would sum: ranks of no run are started where its own will be, and do nothing else.

use crate::cluster::Cluster;
use crate::crew::{Crew, News};
use crate::plan::{Start, workers};
use crate::preflight::{Answer, Trouble};
use crate::verbs::worker::SUMS;
use crate::wire::{Order, Report};
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};
use trainer::bandwidth::Bandwidth;
use trainer::collective::{Deadlines, Secret, tells_of_a_hang};

/// Starts of a run are counted from 1.
const NO_START: u32 = 0;

/// How long ranks wait for each other in a sum; many ranks have longer to come together.
const OPERATION: Duration = Duration::from_secs(25);

/// How long a rank may send nothing.
const STALL: Duration = Duration::from_secs(10);

/// When one has failed, how long the others have to say why.
const SETTLE: Duration = Duration::from_secs(2);

/// Between two looks at leases.
const TICK: Duration = Duration::from_millis(50);

/// Ranks of no run.
pub struct Sums<'a> {
    /// Who starts them.
    pub crew: &'a mut Crew,
    /// The node at each place of the run.
    pub nodes: Vec<usize>,
    /// What nodes did meanwhile.
    pub news: Vec<(usize, News)>,
}

impl Sums<'_> {
    /// Lets the ranks of `cluster` sum on devices called `device`; `folder` is one that all nodes see.
    pub async fn measured(
        &mut self,
        cluster: &Cluster,
        device: &str,
        folder: &Path,
    ) -> Answer<Vec<Bandwidth>> {
        let unwritten = |error: &dyn std::fmt::Display| {
            Trouble::new(format!("`{}`: {error}", folder.display()))
        };
        // What they know each other by lies there, as that of a run does.
        let scratch = tempfile::Builder::new().prefix(".preflight-sums-").tempdir_in(folder);
        let scratch = scratch.map_err(|error| unwritten(&error))?;
        let secret = scratch.path().join("secret");
        Secret::create(&secret).map_err(|error| unwritten(&error))?;
        let join = OPERATION + Duration::from_secs(cluster.ranks as u64 / 16);
        let until = Instant::now() + join + OPERATION;
        let deadlines = Deadlines { join, operation: OPERATION, stall: STALL };
        let quick = Cluster { deadlines, ..cluster.clone() };
        let rendezvous = self.rendezvous(cluster.interface.clone(), until).await?;
        self.start(&quick, device, (scratch.path(), &rendezvous));
        let found = self.followed(cluster.ranks, until).await;
        self.clear().await;
        found
    }

    /// Where rank 0 will listen.
    async fn rendezvous(&mut self, interface: Option<String>, until: Instant) -> Answer<String> {
        let first = self.nodes[0];
        self.crew.order(first, Order::Port { interface });
        loop {
            if let (node, Report::Port { address }) = self.said(until).await?
                && node == first
            {
                return address.map_err(Trouble::new);
            }
        }
    }

    fn start(&self, cluster: &Cluster, device: &str, (scratch, rendezvous): (&Path, &str)) {
        let start = Start {
            run_dir: scratch,
            data_root: scratch,
            rendezvous,
            generation: NO_START,
            kernels: None,
        };
        let mut of_nodes: Vec<Vec<_>> = self.nodes.iter().map(|_| Vec::new()).collect();
        for mut worker in workers(cluster, start) {
            let more: [OsString; 2] = ["--measure".into(), device.into()];
            worker.arguments.extend(more);
            of_nodes[worker.rank / cluster.ranks_per_node()].push(worker);
        }
        for (node, workers) in self.nodes.iter().zip(of_nodes) {
            self.crew.order(*node, Order::Start { generation: NO_START, workers });
        }
    }

    /// What rank 0 says in the end, or what the first that fails does; nothing where all are only slow.
    async fn followed(&mut self, ranks: usize, until: Instant) -> Answer<Vec<Bandwidth>> {
        let (mut left, mut until) = (ranks, until);
        let (mut line, mut failed, mut words) = (None, None, Vec::new());
        while left > 0 {
            let report = match self.said(until).await {
                Ok((_, report)) => report,
                // The others were waited for long enough.
                Err(_) if failed.is_some() => break,
                // One that waits in vain says so itself, and before that.
                Err(_) if Instant::now() >= until => return Ok(Vec::new()),
                Err(trouble) => return Err(trouble),
            };
            match report {
                Report::Said { rank, generation: NO_START, on_stderr, line: said } => {
                    if let (0, false, Some(found)) = (rank, on_stderr, said.strip_prefix(SUMS)) {
                        line = Some(found.to_owned());
                    } else if let (true, Some(said)) = (on_stderr, said.strip_prefix("error: ")) {
                        words.push(format!("rank {rank}: {said}"));
                    }
                }
                Report::Unstarted { reason, .. } => return Err(Trouble::new(reason)),
                Report::Ended { rank, generation: NO_START, code, signal, .. } => {
                    left -= 1;
                    if code != Some(0) && failed.is_none() {
                        failed = Some(match signal {
                            Some(signal) => format!("rank {rank} was ended by signal {signal}"),
                            None => format!("rank {rank} ended with code {}", code.unwrap_or(-1)),
                        });
                        until = until.min(Instant::now() + SETTLE);
                    }
                }
                _ => {}
            }
        }
        let trouble = |words: String| {
            Trouble::new(words).way(
                "see [cluster] interface and collective, and what `knowcoder doctor` says on that node",
            )
        };
        if let Some(failed) = failed {
            // Who was only told of it says so.
            let cause = words.iter().find(|it| !it.contains("(said rank "));
            let said = cause.or(words.first()).cloned().unwrap_or(failed);
            // Our patience is shorter than the run's: what is slow here may do there.
            return if tells_of_a_hang(&said) { Ok(Vec::new()) } else { Err(trouble(said)) };
        }
        let line = line.ok_or_else(|| trouble("rank 0 does not say how fast".to_owned()))?;
        serde_json::from_str(&line)
            .map_err(|error| trouble(format!("rank 0 says what cannot be read: {error}")))
    }

    /// Ends what is left of them.
    async fn clear(&mut self) {
        for node in &self.nodes {
            self.crew.order(*node, Order::Clear { generation: NO_START });
        }
        let until = Instant::now() + Duration::from_secs(5);
        let mut left = self.nodes.clone();
        while !left.is_empty() {
            match self.said(until).await {
                Ok((node, Report::Cleared { generation: NO_START })) => {
                    left.retain(|it| *it != node);
                }
                Ok(_) => {}
                // Whoever is gone has nothing left, and who is late is found by the run's own start.
                Err(_) => return,
            }
        }
    }

    /// What a node says next, in time.
    async fn said(&mut self, until: Instant) -> Answer<(usize, Report)> {
        while Instant::now() < until {
            if let Ok((node, news)) = tokio::time::timeout(TICK, self.crew.next()).await {
                match news {
                    News::Says(report) => return Ok((node, report)),
                    news => self.note(node, news)?,
                }
            }
            for (node, news) in self.crew.look(Instant::now()) {
                self.note(node, news)?;
            }
        }
        Err(Trouble::new("the time for it is over").way("some ranks or their links are very slow"))
    }

    fn note(&mut self, node: usize, news: News) -> Answer<()> {
        let is_lost = matches!(news, News::Lost(_)) && self.nodes.contains(&node);
        self.news.push((node, news));
        match is_lost {
            true => {
                let name = &self.crew.members()[node].name;
                Err(Trouble::new(format!("node `{name}` was lost meanwhile")))
            }
            false => Ok(()),
        }
    }
}
