//! The nodes of a run as its coordinator sees them: who is there, what they say, who is lost.

mod connection;
mod placement;

use crate::agent::{self, Post};
use crate::backend::Nodes;
use crate::error::{Error, exit};
use crate::wire::{Facts, Order, Report};
use connection::Gate;
use placement::{Placed, place};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

pub use connection::{Admission, identity};
pub use placement::verdict;

/// Between two invitations of a node that is gone.
const AGAIN: Duration = Duration::from_secs(3);

/// All nodes of a run, spares included.
pub struct Crew {
    members: Vec<Member>,
    /// How long a node may work on without a word; `None`: all of them are this process.
    lease: Option<Duration>,
    beaten: Instant,
    /// What happened before it was asked for.
    pending: VecDeque<(usize, News)>,
    heard: mpsc::UnboundedReceiver<(usize, Heard)>,
    voice: mpsc::UnboundedSender<(usize, Heard)>,
    gathering: Option<Gathering>,
    /// What an agent that is part of this process listens to beside its connection.
    _calls: Option<mpsc::UnboundedSender<agent::Call>>,
}

/// How nodes are made to come.
struct Gathering {
    nodes: Box<dyn Nodes>,
    gate: Gate,
    program: PathBuf,
    logs: PathBuf,
}

/// A node.
pub struct Member {
    /// As the back end calls it.
    pub name: String,
    /// What it, or its agent before this one, said of itself.
    pub facts: Option<Facts>,
    /// When it caused failures.
    pub failures: Vec<Instant>,
    /// It takes no part any more.
    pub is_cordoned: bool,
    /// It was asked to end by whoever gave it: it has no more than its last ranks, until it comes again.
    pub is_leaving: bool,
    /// The coordinator runs there, too.
    pub is_home: bool,
    /// Why it could not be asked to come.
    pub refusal: Option<Error>,
    /// Why it is not there, in the last words of its agent where there are any; `None`: it is, or is awaited.
    pub farewell: Option<String>,
    orders: Option<mpsc::UnboundedSender<Order>>,
    /// Who is at the other end has said who it is.
    has_joined: bool,
    /// Which of its connections counts.
    connection: u64,
    heard: Instant,
    /// The moment by its own clock at which it said what was heard last; 0: nothing yet.
    at: u64,
    placed: Option<Placed>,
    /// Which of the processes that stood for it counts.
    placement: u64,
    /// When it was asked to come.
    invited: Instant,
    /// It did not come, or cannot even be asked to.
    pub is_absent: bool,
}

/// What reaches the crew from its connections and processes.
enum Heard {
    /// A connection was let in.
    Connected(u64, mpsc::UnboundedSender<Order>),
    /// It brought this.
    Report(u64, Report),
    /// It ended.
    Closed(u64),
    /// The process of this number that stood for the node ended with this code and said this last.
    Unplaced(u64, Option<i32>, String),
    /// No such process can be started.
    Uninvited(Error),
}

/// What happened to a node.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// It is there.
    Joined(Facts),
    /// It says something.
    Says(Report),
    /// It is lost, with all that ran there.
    Lost(String),
    /// It did not come, and will not by itself.
    Absent(String),
}

impl Crew {
    /// One node, which is a part of this process.
    pub fn here(program: PathBuf, last_words: Duration) -> Self {
        let (near, far) = tokio::io::duplex(1 << 20);
        let (calls, listener) = mpsc::unbounded_channel();
        let post = Post::here(program, last_words);
        tokio::spawn(async move { agent::serve(far, post, listener).await });
        let mut crew = Self::of(vec!["this machine".to_owned()], None, None);
        connection::follow(0, 1, near, crew.voice.clone());
        crew._calls = Some(calls);
        // It is let in at once: orders may be given from here on.
        while let Ok((node, heard)) = crew.heard.try_recv() {
            crew.take(node, heard);
        }
        crew
    }

    /// The nodes of a back end; they are asked to come, and awaited with [`next`](Self::next).
    pub async fn gather(
        nodes: Box<dyn Nodes>,
        admission: Admission,
        program: &Path,
        logs: &Path,
    ) -> Result<Self, Error> {
        let names = nodes.names()?;
        let (address, host) = nodes.listen()?;
        let lease = Duration::from_secs(admission.lease);
        let mut crew = Self::of(names, Some(lease), None);
        let count = crew.members.len();
        for member in &mut crew.members {
            member.is_home = nodes.is_home(&member.name);
        }
        let gate = Gate::open(address, &host, admission, count, crew.voice.clone()).await?;
        let (program, logs) = (program.to_owned(), logs.to_owned());
        crew.gathering = Some(Gathering { nodes, gate, program, logs });
        for node in 0..count {
            crew.invite(node);
        }
        Ok(crew)
    }

    fn of(names: Vec<String>, lease: Option<Duration>, gathering: Option<Gathering>) -> Self {
        let (voice, heard) = mpsc::unbounded_channel();
        let members = names.into_iter().map(Member::new).collect();
        let beaten = Instant::now();
        let pending = VecDeque::new();
        Self { members, lease, beaten, pending, heard, voice, gathering, _calls: None }
    }

    /// Asks a node to come, again if it was lost.
    ///
    /// That it cannot is told like everything else that happens to it.
    pub fn invite(&mut self, node: usize) {
        if let Err(error) = self.try_to_invite(node) {
            // The receiver is ours.
            let _ = self.voice.send((node, Heard::Uninvited(error)));
        }
    }

    fn try_to_invite(&mut self, node: usize) -> Result<(), Error> {
        let Some(gathering) = &self.gathering else { return Ok(()) };
        let member = &mut self.members[node];
        // What stands for a lost agent may hang for ever.
        member.placed = None;
        member.placement += 1;
        member.invited = Instant::now();
        member.is_absent = false;
        member.farewell = None;
        let number = member.placement;
        let Some(command) = gathering.nodes.agent(&member.name, &gathering.program)? else {
            return Ok(());
        };
        let invitation = gathering.gate.invitation(node, &member.name);
        let log = gathering.logs.join(format!("agent-{}.log", file_name(&member.name)));
        let voice = self.voice.clone();
        let ended = move |code, words| {
            drop(voice.send((node, Heard::Unplaced(number, code, words))));
        };
        member.placed = Some(place(command, &invitation, log, ended).map_err(|error| {
            let message = format!("failed to place an agent on node `{}`: {error}", member.name);
            Error::new(exit::BACKEND, message)
        })?);
        Ok(())
    }

    /// Nodes of these names, none of which has been heard of.
    #[cfg(test)]
    pub fn awaited(names: &[&str]) -> Self {
        Self::of(names.iter().map(|name| (*name).to_owned()).collect(), None, None)
    }

    /// The same with another node that never comes.
    #[cfg(test)]
    pub fn with(mut self, name: &str) -> Self {
        self.members.push(Member::new(name.to_owned()));
        self
    }

    /// What an agent in this process listens to beside its connection.
    #[cfg(test)]
    pub fn calls(&self) -> mpsc::UnboundedSender<agent::Call> {
        self._calls.clone().unwrap_or_else(|| mpsc::unbounded_channel().0)
    }

    /// Where agents reach the coordinator, if they do.
    pub fn address(&self) -> Option<&str> {
        self.gathering.as_ref().map(|gathering| gathering.gate.address())
    }

    /// All nodes.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// One of them, to be judged.
    pub fn member(&mut self, node: usize) -> &mut Member {
        &mut self.members[node]
    }

    /// Whether the coordinator's own node is being taken away.
    pub fn is_leaving_home(&self) -> bool {
        self.members.iter().any(|member| member.is_home && member.is_leaving)
    }

    /// Tells a node what to do; one that is lost hears nothing.
    pub fn order(&self, node: usize, order: Order) {
        if let Some(orders) = &self.members[node].orders {
            // A connection that has just ended is reported as such.
            let _ = orders.send(order);
        }
    }

    /// What happens next to any node; nothing that is of no consequence.
    pub async fn next(&mut self) -> (usize, News) {
        loop {
            if let Some(news) = self.pending.pop_front() {
                return news;
            }
            let Some((node, heard)) = self.heard.recv().await else {
                // A sender is ours.
                return std::future::pending().await;
            };
            if let Some(news) = self.take(node, heard) {
                return (node, news);
            }
        }
    }

    fn take(&mut self, node: usize, heard: Heard) -> Option<News> {
        let member = &mut self.members[node];
        match heard {
            Heard::Connected(connection, orders) => {
                let before = member.orders.replace(orders);
                member.connection = connection;
                member.heard = Instant::now();
                (member.at, member.is_absent, member.is_leaving) = (0, false, false);
                member.farewell = None;
                let is_another = before.is_some() && member.has_joined;
                member.has_joined = false;
                is_another.then(|| News::Lost("another agent came in its place".to_owned()))
            }
            Heard::Report(connection, _) | Heard::Closed(connection)
                if connection != member.connection =>
            {
                None
            }
            Heard::Report(_, report) => {
                member.heard = Instant::now();
                match report {
                    Report::Joined(facts) => {
                        member.facts = Some(facts.clone());
                        member.has_joined = true;
                        member.refusal = None;
                        Some(News::Joined(facts))
                    }
                    Report::Beat { at } => {
                        member.at = at;
                        None
                    }
                    Report::Leaving => {
                        member.is_leaving = true;
                        Some(News::Says(Report::Leaving))
                    }
                    report => Some(News::Says(report)),
                }
            }
            Heard::Closed(_) => {
                member.orders = None;
                member.connection = 0;
                // The process that stood for it may have been the first to end.
                let parting = member.farewell.take();
                member.is_absent = parting.is_some();
                let said = member.placed.as_ref().map(Placed::last_words).unwrap_or_default();
                let words = match (parting, member.is_leaving) {
                    (_, true) => "it was drained".to_owned(),
                    (Some(words), false) => words,
                    (None, false) if said.is_empty() => "its connection ended".to_owned(),
                    (None, false) => said,
                };
                member.farewell = Some(words.clone());
                Some(News::Lost(words))
            }
            Heard::Uninvited(error) => {
                member.is_absent = true;
                let words = error.message.clone();
                member.farewell = Some(words.clone());
                member.refusal = Some(error);
                Some(News::Absent(words))
            }
            Heard::Unplaced(number, ..) if number != member.placement => None,
            Heard::Unplaced(_, code, stderr) => {
                member.placed = None;
                let nodes = self.gathering.as_ref().map(|gathering| &gathering.nodes);
                let words = nodes.map(|nodes| nodes.explain(&member.name, code, &stderr));
                let words = words.unwrap_or_default();
                let before = member.farewell.replace(words.clone());
                if member.orders.is_some() {
                    // Its connection ends next, and that is what is told.
                    return None;
                }
                member.is_absent = true;
                // What happened once is told once.
                before.is_none().then_some(News::Absent(words))
            }
        }
    }

    /// Renews leases and finds out who does not answer any more; to be called often.
    ///
    /// A lease is as long as it says from the last word that was heard of the node, by the node's own clock: when
    /// it is declared lost after one and a half of that, its ranks have been ended for half a lease.
    pub fn look(&mut self, now: Instant) -> Vec<(usize, News)> {
        let Some(lease) = self.lease else { return Vec::new() };
        // What has come already is heard first: we may have been away ourselves.
        while let Ok((node, heard)) = self.heard.try_recv() {
            let news = self.take(node, heard);
            self.pending.extend(news.map(|news| (node, news)));
        }
        let is_due = now.duration_since(self.beaten) >= lease / 4;
        if is_due {
            self.beaten = now;
        }
        let mut lost = Vec::new();
        for (node, member) in self.members.iter_mut().enumerate() {
            let Some(orders) = &member.orders else { continue };
            let silent = now.saturating_duration_since(member.heard);
            if silent >= lease * 3 / 2 {
                let reason = format!("nothing was heard of it for {:.1} s", silent.as_secs_f64());
                member.drop_out(&reason);
                lost.push((node, News::Lost(reason)));
            } else if is_due && silent < lease && member.at > 0 {
                // Until its first beat it has the lease that it began with. One that would count from when it
                // arrives could arrive late, and outlast what we take it for.
                let _ = orders.send(Order::Lease { since: member.at });
            }
        }
        lost
    }

    /// Gives a node up that is there, and does not do what it must.
    pub fn give_up(&mut self, node: usize) {
        self.members[node].drop_out("it did not do what it had to, and was given up");
        self.members[node].is_cordoned = true;
    }

    /// Tells everybody that it is over.
    pub fn dismiss(&mut self) {
        for node in 0..self.members.len() {
            self.order(node, Order::Leave);
        }
    }

    /// Waits until nobody is left who stands for an agent, or for so long.
    pub async fn gone(&mut self, patience: Duration) {
        let until = Instant::now() + patience;
        while Instant::now() < until && self.members.iter().any(|it| it.orders.is_some()) {
            let wait = tokio::time::timeout(Duration::from_millis(100), self.next());
            let _ = wait.await;
        }
    }
}

impl Member {
    fn new(name: String) -> Self {
        Self {
            name,
            facts: None,
            failures: Vec::new(),
            is_cordoned: false,
            is_leaving: false,
            is_home: false,
            refusal: None,
            farewell: None,
            orders: None,
            has_joined: false,
            connection: 0,
            heard: Instant::now(),
            at: 0,
            placed: None,
            placement: 0,
            invited: Instant::now(),
            is_absent: false,
        }
    }

    fn drop_out(&mut self, reason: &str) {
        self.farewell = Some(reason.to_owned());
        self.orders = None;
        self.connection = 0;
        self.placed = None;
    }

    /// Whether it did not come, or is gone.
    pub fn is_missing(&self) -> bool {
        !self.is_present() && (self.facts.is_some() || self.is_absent)
    }

    /// Whether it was awaited, and will not come: it cannot be asked, or ended before it had said who it is.
    pub fn stays_away(&self) -> bool {
        self.facts.is_none() && self.is_absent && self.farewell.is_some() && !self.is_connected()
    }

    /// Whether it may be asked to come again: nobody stands for it, and the last time is a while ago.
    pub fn may_be_invited(&self, now: Instant) -> bool {
        !self.is_present()
            && !self.is_cordoned
            && self.placed.is_none()
            && now.duration_since(self.invited) >= AGAIN
    }

    /// Whether somebody is at the other end.
    pub fn is_connected(&self) -> bool {
        self.orders.is_some()
    }

    /// Whether it hears what it is told, has said who it is, and stays.
    pub fn is_present(&self) -> bool {
        self.orders.is_some() && self.has_joined && !self.is_leaving
    }
}

/// A node's name as part of a file's.
fn file_name(name: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
    name.chars().map(|it| if is_plain(it) { it } else { '_' }).collect()
}

#[cfg(test)]
mod tests;
