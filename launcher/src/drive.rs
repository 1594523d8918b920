//! A run's starts, one after the other, until it is done or must end: what failed is recovered from.

mod answers;
mod asker;
mod assembly;
mod course;
pub mod drills;
mod examination;
mod home;
mod notice;
mod places;
mod recovery;
pub mod standing;
mod sums;

use crate::backend;
use crate::cli::Fault;
use crate::cluster::{Backend, Cluster};
use crate::crew::{Admission, Crew, News};
use crate::display::Display;
use crate::error::{Error, exit};
use crate::events::{Events, rfc3339};
use crate::interrupt::Interrupts;
use crate::plan::{Start, workers};
use crate::rank_drill;
use crate::standing::State;
use crate::supervise::{Cause, Ending, Job, Patience, Shown, supervise};
use crate::wire::{self, Facts, Order};
use answers::meanwhile;
use assembly::{absence, listed};
use course::History;
use data_pipeline::predictions::replace;
use drills::Drills;
pub use examination::look;
use examination::{Agent, Entry};
use places::Places;
use serde_json::json;
use standing::Writer;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use trainer::collective::Secret;
use trainer::collective::hello::program_sha256;
use trainer::{Recipe, RunDir};

/// How often nodes may come and go again before a start, each time with all the time that they have to come.
const ROUNDS: usize = 20;

/// What is run.
pub struct Drive<'a> {
    /// The directory of the run, or of an evaluation.
    pub run_dir: &'a RunDir,
    /// Where.
    pub cluster: &'a Cluster,
    /// Where corpora lie.
    pub data_root: &'a Path,
    /// Whether training is shown in a view of its own.
    pub tui: bool,
    /// What every rank is told beside that.
    pub more: &'a [OsString],
    /// What is learned, where nodes are looked at before: an evaluation begins without.
    pub recipe: Option<&'a Recipe>,
}

/// Starts ranks until they have done everything, or something ends the run.
pub fn drive(
    asked: &Drive<'_>,
    events: &mut Events,
    standing: &mut Writer,
) -> Result<Ending, Error> {
    match std::env::var("KNOWCODER_SECRET") {
        // Agents that come by themselves have it from the same place.
        Ok(given) if !given.is_empty() => Secret::adopt(&asked.run_dir.secret(), &given)?,
        _ => Secret::create(&asked.run_dir.secret())?,
    };
    let program = std::env::current_exe().map_err(transient("find the program itself"))?;
    // One thread, this one: processes end when the thread that started them does.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(transient("start the supervisor"))?;
    let ending = runtime.block_on(async {
        let interrupts = Interrupts::listen().map_err(transient("listen to signals"))?;
        let display = if asked.tui { Display::view() } else { Display::new() };
        let crew = crew(asked, &program).await?;
        let places = Places::new(asked.cluster, crew.members().len());
        let folder = asked.run_dir.root().join("drill");
        let driver = Driver {
            asked,
            events: &mut *events,
            standing: &mut *standing,
            crew,
            places,
            interrupts,
            display,
            drills: Drills::new(folder, asker(asked)),
            history: History::default(),
            looked: BTreeSet::new(),
        };
        driver.live().await
    })?;
    if ending == Ending::Stopped {
        notice::note(asked, events, standing)?;
    }
    Ok(ending)
}

/// How a rank is told to go wrong by itself, and a scheduler to want the nodes back.
fn asker(asked: &Drive<'_>) -> Box<dyn Fn(usize, Fault)> {
    let (run_dir, cluster) = (asked.run_dir.clone(), asked.cluster.clone());
    Box::new(move |rank, fault| {
        if matches!(fault, Fault::Preempt | Fault::TimeLimit) {
            return notice::warn(&cluster, run_dir.root());
        }
        let secret = Secret::load(&run_dir.secret()).map_err(Error::from);
        let asked = secret.and_then(|secret| rank_drill::ask(&run_dir, rank, fault, &secret));
        if let Err(error) = asked {
            tracing::warn!("a drill fails: {error}");
        }
    })
}

/// The nodes: a part of this process where that is all there is, else whoever the back end can make come.
async fn crew(asked: &Drive<'_>, program: &Path) -> Result<Crew, Error> {
    let cluster = asked.cluster;
    if cluster.backend == Backend::Local && cluster.nodes + cluster.spares == 1 {
        return Ok(Crew::here(program.to_owned(), Patience::default().last_words));
    }
    let path = asked.run_dir.secret();
    let secret = std::fs::read_to_string(&path).map_err(data_pipeline::Error::read(&path))?;
    let run = asked.run_dir.root().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let admission = Admission {
        run,
        secret: secret.trim().to_owned(),
        lease: cluster.faults.lease,
        join: cluster.deadlines.join.as_secs(),
    };
    let nodes = backend::nodes(cluster, asked.run_dir.root());
    Crew::gather(nodes, admission, program, &asked.run_dir.logs()).await
}

struct Driver<'a> {
    asked: &'a Drive<'a>,
    events: &'a mut Events,
    standing: &'a mut Writer,
    crew: Crew,
    places: Places,
    interrupts: Interrupts,
    display: Display,
    drills: Drills,
    history: History,
    /// Agents of nodes that were looked at.
    looked: BTreeSet<Agent>,
}

impl Driver<'_> {
    async fn live(mut self) -> Result<Ending, Error> {
        if !self.assemble().await? {
            return Ok(Ending::Stopped);
        }
        let looked = self.preflight().await;
        // Nobody listened meanwhile.
        if self.crew.is_leaving_home() || self.interrupts.asked_to_stop() {
            self.events.record("stop-requested", json!({}))?;
            return Ok(Ending::Stopped);
        }
        if !looked? {
            return Ok(Ending::Stopped);
        }
        let ending = loop {
            match self.once().await? {
                Ending::Failed(cause) => {
                    if self.explained(&cause).await? {
                        break Ending::Stopped;
                    }
                    if !self.recovers(&cause).await? {
                        break Ending::Failed(cause);
                    }
                }
                ending => break ending,
            }
        };
        self.crew.dismiss();
        self.crew.gone(Duration::from_secs(5)).await;
        Ok(ending)
    }

    /// One start of the run, from its nodes to its end.
    async fn once(&mut self) -> Result<Ending, Error> {
        self.standing.state(State::Starting);
        let mut rounds = 0;
        let job = loop {
            rounds += 1;
            if rounds > ROUNDS {
                return Err(unsettled());
            }
            if !self.assemble().await? {
                return Ok(Ending::Stopped);
            }
            match self.admits().await? {
                Entry::Granted => {}
                Entry::Refused => continue,
                Entry::Stopped => return Ok(Ending::Stopped),
            }
            // A node may be lost in this very moment.
            if let Some(job) = self.job().await? {
                break job;
            }
        };
        let cluster = self.asked.cluster;
        let fields = json!({
            "start": job.generation,
            "world": cluster.ranks,
            "nodes": cluster.nodes,
            "threads_per_rank": cluster.threads_per_rank,
            "backend": cluster.backend.name(),
            "version": env!("CARGO_PKG_VERSION"),
            "program_sha256": program_sha256().unwrap_or_default(),
        });
        self.events.record("started", fields)?;
        let shown =
            Shown { display: &mut self.display, standing: self.standing, drills: &mut self.drills };
        let ending =
            supervise(&job, &mut self.crew, &mut self.interrupts, self.events, shown).await?;
        self.clear(job.generation, &job.places).await?;
        Ok(ending)
    }

    /// Whether a scheduler takes the nodes back, which is why a rank or a node failed.
    async fn explained(&mut self, cause: &Cause) -> Result<bool, Error> {
        if !notice::may_explain(cause) {
            return Ok(false);
        }
        let (cluster, root) = (self.asked.cluster.clone(), self.asked.run_dir.root().to_owned());
        // A controller may take its time, and nodes must be heard meanwhile.
        let ask = move || backend::nodes(&cluster, &root).notice().is_some();
        meanwhile(&mut self.crew, self.events, ask).await
    }

    /// What the next start is; nothing if a node is gone meanwhile.
    async fn job(&mut self) -> Result<Option<Job>, Error> {
        let Drive { run_dir, cluster, data_root, more, .. } = *self.asked;
        let places = self.places.of_ranks(cluster);
        let Some(rendezvous) = self.rendezvous(places[0]).await? else { return Ok(None) };
        // What is written from here on is the run's own.
        self.standing.check_home()?;
        let generation = self.events.count("started")? as u32 + 1;
        replace(&run_dir.root().join("generation"), generation.to_string().as_bytes())?;
        let root = absolute(run_dir.root())?;
        let kernels = std::env::var("CUBECL_ENVIRONMENT").ok();
        let start = Start {
            run_dir: &root,
            data_root,
            rendezvous: &rendezvous,
            generation,
            kernels: kernels.as_deref(),
        };
        let mut workers = workers(cluster, start);
        workers.iter_mut().for_each(|worker| worker.arguments.extend_from_slice(more));
        Ok(Some(Job {
            generation,
            workers,
            places,
            hang: cluster.faults.hang,
            stop: run_dir.stop(),
            logs: run_dir.logs(),
            heading: format!("--- start {generation}, {} ---", rfc3339(SystemTime::now())),
            patience: Patience::default(),
        }))
    }

    /// Where rank 0 will listen.
    async fn rendezvous(&mut self, node: usize) -> Result<Option<String>, Error> {
        let interface = self.asked.cluster.interface.clone();
        self.crew.order(node, Order::Port { interface });
        let answer = self.answer(node, |report| match report {
            wire::Report::Port { address } => Some(address),
            _ => None,
        });
        match answer.await? {
            Some(Ok(address)) => Ok(Some(address)),
            Some(Err(reason)) => Err(Error::new(exit::BACKEND, reason)),
            None if !self.crew.members()[node].is_present() => Ok(None),
            None => {
                // Whoever is there and does not answer is of no more use than one that does not clear.
                self.crew.give_up(node);
                Ok(None)
            }
        }
    }
}

/// Notes what happened to a node; what it says is for others.
pub fn heard(events: &mut Events, crew: &Crew, node: usize, news: &News) -> Result<(), Error> {
    let name = &crew.members()[node].name;
    match news {
        // A node that is a part of this process is no event.
        News::Joined(_) if crew.members().len() == 1 => Ok(()),
        News::Joined(Facts { host, process, .. }) => {
            let fields = json!({"node": node, "name": name, "host": host, "process": process});
            Ok(events.record("agent-joined", fields)?)
        }
        News::Lost(reason) | News::Absent(reason) => {
            let fields = json!({"node": node, "name": name, "reason": reason});
            Ok(events.record("agent-lost", fields)?)
        }
        News::Says(wire::Report::Leaving) => {
            Ok(events.record("agent-leaving", json!({"node": node, "name": name}))?)
        }
        News::Says(_) => Ok(()),
    }
}

/// Nodes that do not stay.
fn unsettled() -> Error {
    let message = format!(
        "nodes came and went {ROUNDS} times before ranks could be started: agent-lost in events.jsonl names them"
    );
    Error::new(exit::TRANSIENT, message).hint(
        "agents' own words are in RUN/logs/agent-*.log; leave out the node that does not stay",
    )
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    Ok(std::path::absolute(path).map_err(data_pipeline::Error::read(path))?)
}

fn transient(what: &str) -> impl FnOnce(io::Error) -> Error {
    let what = what.to_owned();
    move |error| Error::new(exit::TRANSIENT, format!("failed to {what}: {error}"))
}
