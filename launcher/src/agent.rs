//! One node of a run: it starts ranks as it is told, passes on what they say, and ends them when it must.
//!
//! It decides nothing. When the coordinator falls silent for longer than the lease, it ends its ranks before
//! others take their place; when its connection or its stdin ends, at once.

mod lease;
mod out_of_memory;
mod process;

pub use process::die_with_us;

use crate::wire::{Facts, Order, Report};
use lease::Lease;
use out_of_memory::Kills;
use process::{Happening, follow, start};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

/// How often the lease is looked at.
const TICK: Duration = Duration::from_millis(50);

/// What an agent is told when it begins.
#[derive(Clone, Debug)]
pub struct Post {
    /// The program that ranks are.
    pub program: PathBuf,
    /// What it says of itself.
    pub facts: Facts,
    /// Under which address other nodes reach this one, unless an interface is asked for.
    pub address: IpAddr,
    /// How long it may work on without a word; `None`: it and the coordinator are one process.
    pub lease: Option<Duration>,
    /// After a rank has ended, how long its last words are awaited.
    pub last_words: Duration,
}

/// Why an agent ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// It was told to.
    Left,
    /// Its connection ended.
    Disconnected,
    /// Nothing was heard for so long; its ranks were ended.
    Expired(Duration),
    /// Who started it is gone.
    Abandoned,
    /// A signal asked it to end, and its ranks have.
    Asked,
    /// It could not begin.
    Unable(String),
}

/// What reaches an agent from beside its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Who started it is gone.
    Abandoned,
    /// A signal: ranks shall stop at their next step.
    Stop,
}

/// A rank here.
struct Rank {
    process: libc::pid_t,
    generation: u32,
    /// How many processes the system had ended for want of memory before.
    kills: Kills,
    /// It was asked to stop: a second request would end it at once.
    is_asked: bool,
}

/// Does what the coordinator at the other end of `stream` says, until one of the reasons to end.
///
/// To be called from the thread that lives as long as the program: the kernel ends the ranks when the thread
/// that started them ends.
pub async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    post: Post,
    calls: mpsc::UnboundedReceiver<Call>,
) -> Farewell {
    let (reader, mut writer) = tokio::io::split(stream);
    let (reports, mut queue) = mpsc::unbounded_channel::<Report>();
    // A connection that takes nothing must not keep the lease from being looked at.
    let sending = tokio::spawn(async move {
        while let Some(report) = queue.recv().await {
            let mut line = serde_json::to_vec(&report).unwrap_or_default();
            line.push(b'\n');
            if writer.write_all(&line).await.is_err() || writer.flush().await.is_err() {
                return;
            }
        }
    });
    let (sender, happenings) = mpsc::channel(1024);
    let lease = match post.lease.map(Lease::new).transpose() {
        Ok(lease) => lease,
        Err(error) => return Farewell::Unable(format!("its lease cannot be kept: {error}")),
    };
    let mut agent = Agent {
        ranks: BTreeMap::new(),
        reports,
        sender,
        deaf: None,
        held: Vec::new(),
        clearing: None,
        asked: false,
        beaten: Instant::now(),
        lease,
        post,
    };
    agent.say(Report::Joined(agent.post.facts.clone()));
    let farewell = agent.work(BufReader::new(reader), happenings, calls).await;
    agent.end().await;
    drop(agent);
    // What ranks said last has half a second to get through.
    let _ = tokio::time::timeout(Duration::from_millis(500), sending).await;
    farewell
}

struct Agent {
    post: Post,
    ranks: BTreeMap<usize, Rank>,
    reports: mpsc::UnboundedSender<Report>,
    sender: mpsc::Sender<Happening>,
    lease: Option<Lease>,
    /// Until then it hears and says nothing, and its ranks stand still: a drill.
    deaf: Option<Instant>,
    /// What it did not say meanwhile.
    held: Vec<Report>,
    /// The generation of which nothing shall be left.
    clearing: Option<u32>,
    /// Its ranks were asked to stop, and it ends with them.
    asked: bool,
    /// When it said last that it is there.
    beaten: Instant,
}

impl Agent {
    async fn work(
        &mut self,
        reader: impl AsyncBufReadExt + Unpin,
        mut happenings: mpsc::Receiver<Happening>,
        mut calls: mpsc::UnboundedReceiver<Call>,
    ) -> Farewell {
        let mut orders = reader.lines();
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                line = orders.next_line(), if self.deaf.is_none() => match line {
                    Ok(Some(line)) => match serde_json::from_str(&line) {
                        Ok(Order::Leave) => return Farewell::Left,
                        Ok(order) => self.obey(order).await,
                        // Who speaks otherwise was refused before: this is a torn line.
                        Err(_) => return Farewell::Disconnected,
                    },
                    Ok(None) | Err(_) => return Farewell::Disconnected,
                },
                Some(happening) = happenings.recv() => self.pass_on(happening),
                Some(call) = calls.recv() => match call {
                    Call::Abandoned => return Farewell::Abandoned,
                    Call::Stop => self.stop(),
                },
                _ = tick.tick() => if let Some(farewell) = self.look() { return farewell },
            }
            if self.asked && self.ranks.is_empty() && self.deaf.is_none() {
                return Farewell::Asked;
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Start { generation, workers } => {
                for worker in workers {
                    self.start(generation, worker);
                }
            }
            Order::Port { interface } => {
                let address = port(self.post.address, interface.as_deref());
                self.say(Report::Port { address });
            }
            Order::Signal { ranks, signal } => {
                for rank in ranks {
                    self.signal(rank, signal);
                }
            }
            Order::Lease { since } => {
                if let Some(lease) = &mut self.lease {
                    lease.renew(since);
                }
            }
            Order::Clear { generation } => {
                self.clearing = Some(generation);
                for rank in self.ranks.values().filter(|rank| rank.generation == generation) {
                    send(rank.process, libc::SIGKILL);
                }
                self.cleared();
            }
            Order::Probe(probe) => self.probe(probe),
            Order::Deaf { seconds } => self.cut(Duration::from_secs(seconds)),
            Order::Die => self.die(),
            Order::Leave => {}
        }
    }

    fn start(&mut self, generation: u32, mut worker: crate::plan::Worker) {
        let rank = worker.rank;
        if let Some(lease) = &self.lease {
            worker.environment.push((trainer::fence::LEASE.to_owned(), lease.path()));
        }
        let kills = Kills::now();
        match start(&self.post.program, &worker) {
            Ok(child) => {
                let process = child.id().unwrap_or_default();
                let process_id = process as libc::pid_t;
                let started = Rank { process: process_id, generation, kills, is_asked: false };
                self.ranks.insert(rank, started);
                self.say(Report::Started { rank, generation, process });
                let patience = self.post.last_words;
                tokio::spawn(follow((rank, generation), child, self.sender.clone(), patience));
            }
            Err(source) => {
                let program = self.post.program.display();
                let reason = format!("failed to start rank {rank} as `{program}`: {source}");
                self.say(Report::Unstarted { rank, reason });
            }
        }
    }

    fn pass_on(&mut self, happening: Happening) {
        match happening {
            Happening::Said { rank, generation, on_stderr, line } => {
                self.say(Report::Said { rank, generation, on_stderr, line });
            }
            Happening::Ended { rank, generation, status } => {
                let is_it = self.ranks.get(&rank).is_some_and(|it| it.generation == generation);
                let ended = if is_it { self.ranks.remove(&rank) } else { None };
                let kills = ended.map(|rank| rank.kills);
                let (code, signal) = ending(&status);
                let out_of_memory =
                    signal == Some(libc::SIGKILL) && kills.is_some_and(|before| before.are_more());
                self.say(Report::Ended { rank, generation, code, signal, out_of_memory });
                self.cleared();
            }
        }
    }

    /// Says so when nothing is left of the generation that shall be cleared.
    fn cleared(&mut self) {
        if let Some(generation) = self.clearing
            && self.ranks.values().all(|rank| rank.generation != generation)
        {
            self.clearing = None;
            self.say(Report::Cleared { generation });
        }
    }

    fn probe(&mut self, probe: crate::wire::Probe) {
        let reports = self.reports.clone();
        tokio::task::spawn_blocking(move || {
            let found = crate::preflight::probe(&probe.check, &probe.with);
            // Nobody listens only if the connection is gone.
            let _ = reports.send(Report::Probed { id: probe.id, found });
        });
    }

    /// As in the fault that is tried out; a part of the driver only ends its ranks.
    fn die(&self) {
        for rank in self.ranks.values() {
            send(rank.process, libc::SIGKILL);
        }
        if self.post.lease.is_some() {
            // SAFETY: the process ends here.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        }
    }

    /// As if nothing reached this node or left it. Its ranks stand still as they would at the next sum, and do so
    /// when the lease lapses, too: of ranks that end, the others would see that their connections do.
    fn cut(&mut self, time: Duration) {
        self.deaf = Some(Instant::now() + time);
        for rank in self.ranks.values() {
            send(rank.process, libc::SIGSTOP);
        }
    }

    /// The cut is over. Ranks whose lease has lapsed meanwhile never move again.
    fn mend(&mut self) {
        self.deaf = None;
        if self.lease.as_ref().is_some_and(Lease::has_lapsed) {
            return;
        }
        for rank in self.ranks.values() {
            send(rank.process, libc::SIGCONT);
        }
        for report in std::mem::take(&mut self.held) {
            self.say(report);
        }
    }

    /// The node is taken away. Its ranks save, and the coordinator hears why they end.
    fn stop(&mut self) {
        if !std::mem::replace(&mut self.asked, true) {
            self.say(Report::Leaving);
        }
        for rank in self.ranks.keys().copied().collect::<Vec<_>>() {
            self.signal(rank, libc::SIGTERM);
        }
    }

    /// A scheduler may ask ranks to stop here and through the coordinator: they hear of it once.
    fn signal(&mut self, rank: usize, signal: i32) {
        let Some(rank) = self.ranks.get_mut(&rank) else { return };
        if signal == libc::SIGTERM && std::mem::replace(&mut rank.is_asked, true) {
            return;
        }
        send(rank.process, signal);
    }

    fn look(&mut self) -> Option<Farewell> {
        match self.deaf {
            // Also that it ends would be seen.
            Some(until) if Instant::now() < until => return None,
            Some(_) => self.mend(),
            None => {}
        }
        let lease = self.lease.as_ref()?;
        if lease.has_lapsed() {
            return Some(Farewell::Expired(lease.length()));
        }
        if self.beaten.elapsed() >= lease.length() / 4 {
            self.beaten = Instant::now();
            self.say(Report::Beat { at: lease::now() });
        }
        None
    }

    fn say(&mut self, report: Report) {
        match self.deaf {
            Some(_) => self.held.push(report),
            // Nobody listens only if the connection is gone, which is seen elsewhere.
            None => drop(self.reports.send(report)),
        }
    }

    /// No rank survives its agent.
    async fn end(&mut self) {
        for rank in self.ranks.values() {
            send(rank.process, libc::SIGKILL);
        }
        let patience = Instant::now() + Duration::from_secs(2);
        while self.ranks.values().any(|rank| is_alive(rank.process)) && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Sends a signal to a rank's process group.
fn send(process: libc::pid_t, signal: libc::c_int) {
    if process > 0 {
        // SAFETY: `kill` touches no memory of ours; a group that is gone already is no harm.
        unsafe { libc::kill(-process, signal) };
    }
}

/// Whether anybody of the group is there, beside what only waits to be taken note of.
fn is_alive(process: libc::pid_t) -> bool {
    // SAFETY: signal 0 only asks.
    unsafe { libc::kill(-process, 0) == 0 && !is_zombie(process) }
}

fn is_zombie(process: libc::pid_t) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

/// Exit code or signal.
fn ending(status: &io::Result<ExitStatus>) -> (Option<i32>, Option<i32>) {
    match status {
        Ok(status) => (status.code(), status.signal()),
        // We lost sight of it: as if it had been taken away.
        Err(_) => (None, Some(0)),
    }
}

/// A port that is free now, as other nodes reach it.
fn port(address: IpAddr, interface: Option<&str>) -> Result<String, String> {
    let address = match interface {
        Some(name) => {
            crate::backend::address::of_interface(name).map_err(|error| error.to_string())?
        }
        None => address,
    };
    let port = TcpListener::bind((address, 0)).and_then(|listener| listener.local_addr());
    port.map(|address| address.to_string())
        .map_err(|error| format!("no free port at {address}: {error}"))
}

/// What this machine says of itself.
pub fn facts(program: PathBuf) -> Facts {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Facts {
        host: host.trim().to_owned(),
        process: std::process::id(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        program,
    }
}

impl Post {
    /// That of an agent which is no process of its own, but a part of the driver.
    pub fn here(program: PathBuf, last_words: Duration) -> Self {
        let facts = facts(program.clone());
        Self { program, facts, address: Ipv4Addr::LOCALHOST.into(), lease: None, last_words }
    }
}

#[cfg(test)]
mod tests;
