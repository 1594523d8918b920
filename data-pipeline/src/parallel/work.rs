//! Threads that ask until nothing is left to ask.
//!
//! Each takes the next sentence, walks it through its stages and asks what the walk needs. A reply
//! is in the transcript before the walk goes on. The number of questions under way is small and
//! bounded, so each waits on a thread of its own.

use super::budget::{Permit, Purse, likely_tokens, most_tokens};
use super::client::{Attempt, Client};
use super::config::Job;
use super::items::Item;
use super::stages::{Question, Stages, Step};
use super::transcript::{Record, Transcript, Usage};
use crate::Error;
use crate::random::Random;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How the asking ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There is nothing left to ask.
    Complete,
    /// Somebody wanted to stop.
    Stopped,
    /// The budget does not hold the next question.
    Exhausted,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Sentences that went through their stages.
    pub done: usize,
    /// Sentences in all.
    pub total: usize,
    /// Questions that were sent in this run.
    pub requests: usize,
    /// What all runs took.
    pub spent: Usage,
}

/// What threads share.
pub struct Work<'a> {
    job: &'a Job,
    stages: Stages<'a>,
    items: &'a [Item],
    client: Client,
    purse: Purse,
    transcript: Mutex<Transcript>,
    /// Keys of questions under way: equal sentences ask equal questions, and one reply is enough.
    flying: Mutex<HashSet<String>>,
    /// Set from outside.
    stop: &'a AtomicBool,
    /// Set by the thread that cannot go on: the others finish what they asked.
    halt: AtomicBool,
    next: AtomicUsize,
    done: AtomicUsize,
    requests: AtomicUsize,
    exhausted: AtomicBool,
    failure: Mutex<Option<Error>>,
}

/// The longest pause between two attempts that nobody asked for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How often a waiting thread looks whether it should stop.
const LOOK: Duration = Duration::from_millis(50);

/// What is sent, and what may come of it.
struct Ask<'q> {
    question: &'q Question<'q>,
    /// The most that it can take.
    most: Usage,
    /// Tokens that the server is likely to count against the rate.
    rate: u64,
}

impl<'a> Work<'a> {
    /// Everything that is needed, and nothing asked yet.
    pub fn new(
        stages: Stages<'a>,
        items: &'a [Item],
        transcript: Transcript,
        stop: &'a AtomicBool,
    ) -> Result<Self, Error> {
        let job = stages.job;
        Ok(Self {
            job,
            stages,
            items,
            client: Client::new(&job.server)?,
            purse: Purse::new(job.budget, transcript.spent()),
            transcript: Mutex::new(transcript),
            flying: Mutex::new(HashSet::new()),
            stop,
            halt: AtomicBool::new(false),
            next: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            exhausted: AtomicBool::new(false),
            failure: Mutex::new(None),
        })
    }

    /// Asks until every walk comes to its end; returns the transcript and how it ended.
    pub fn run(self, report: &dyn Fn(Progress)) -> Result<(Transcript, Ended, usize), Error> {
        let threads = self.job.server.concurrency.min(self.items.len());
        let this = &self;
        std::thread::scope(|scope| {
            let handles: Vec<_> = (0..threads).map(|_| scope.spawn(move || this.work())).collect();
            while handles.iter().any(|handle| !handle.is_finished()) {
                report(this.progress());
                std::thread::sleep(LOOK);
            }
        });
        report(self.progress());
        let requests = self.requests.load(Ordering::Relaxed);
        if let Some(error) = self.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let ended = if self.exhausted.load(Ordering::Relaxed) {
            Ended::Exhausted
        } else if self.done.load(Ordering::Relaxed) < self.items.len() {
            Ended::Stopped
        } else {
            Ended::Complete
        };
        let transcript = self.transcript.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((transcript, ended, requests))
    }

    fn progress(&self) -> Progress {
        Progress {
            done: self.done.load(Ordering::Relaxed),
            total: self.items.len(),
            requests: self.requests.load(Ordering::Relaxed),
            spent: self.transcript().spent(),
        }
    }

    /// What one thread does.
    fn work(&self) {
        while !self.is_over() {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = self.items.get(index) else { return };
            match self.item(item) {
                Ok(true) => {
                    self.done.fetch_add(1, Ordering::Relaxed);
                }
                Ok(false) => return,
                Err(error) => {
                    self.halt.store(true, Ordering::Relaxed);
                    // The first failure is the cause; the others follow from it.
                    self.failure
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .get_or_insert(error);
                    return;
                }
            }
        }
    }

    /// Walks a sentence to its end; false if it has to stop before.
    fn item(&self, item: &Item) -> Result<bool, Error> {
        loop {
            let find = |key: &str| self.transcript().get(key).cloned();
            match self.stages.walk(item, &find) {
                Step::Done(_) => return Ok(true),
                Step::Ask(question) if self.flying().insert(question.key.clone()) => {
                    // Another thread may have got the reply since the walk.
                    let known = self.transcript().get(&question.key).is_some();
                    if !known {
                        match self.answer(&question)? {
                            Some(record) => self.transcript().add(record)?,
                            None => return Ok(false),
                        }
                    }
                    self.flying().remove(&question.key);
                }
                Step::Ask(_) => {
                    if !self.pause(LOOK) {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Asks until there is a reply or it is sure that there will be none; none if it has to stop.
    fn answer(&self, question: &Question<'_>) -> Result<Option<Record>, Error> {
        let ask = ask_of(question);
        let mut lost = Usage::default();
        for attempt in 0..=self.job.server.retries {
            if attempt > 0 && !self.pause(self.back_off(&question.key, attempt)) {
                return Ok(None);
            }
            match self.purse.take(ask.most.tokens(), ask.most.cost, &|| self.is_over()) {
                Permit::Granted => {}
                Permit::Stopped => return Ok(None),
                Permit::Exhausted => {
                    self.exhausted.store(true, Ordering::Relaxed);
                    self.halt.store(true, Ordering::Relaxed);
                    return Ok(None);
                }
            }
            let turn = self.client.turn(ask.rate);
            if !self.pause(turn.saturating_duration_since(Instant::now())) {
                self.purse.settle(ask.most.tokens(), ask.most.cost, Usage::default());
                return Ok(None);
            }
            self.requests.fetch_add(1, Ordering::Relaxed);
            let result = self.client.ask(&question.request);
            let is_last = attempt == self.job.server.retries;
            let (used, end) = ask.outcome(result, is_last, &self.client);
            self.purse.settle(ask.most.tokens(), ask.most.cost, used);
            match end {
                End::Again => lost.add(used),
                End::Failed(error) => return Err(error),
                End::Reply { text, finish } => {
                    // What earlier attempts lost is written down with the reply.
                    let mut usage = used;
                    usage.add(lost);
                    return Ok(Some(Record {
                        key: question.key.clone(),
                        stage: question.stage.name.clone(),
                        request: question.request.clone(),
                        reply: text,
                        finish,
                        usage,
                    }));
                }
            }
        }
        // The last attempt ends in a reply or a failure.
        Ok(None)
    }

    /// Twice as long each time, and never the same for two questions: they would meet again.
    fn back_off(&self, key: &str, attempt: u32) -> Duration {
        let longest = self.job.server.backoff_seconds * f64::from(1u32 << (attempt - 1).min(16));
        let chance = Random::named(&[key, &attempt.to_string()]).below(1_000) as f64 / 1_000.0;
        Duration::from_secs_f64(longest * (0.5 + chance / 2.0)).min(LONGEST_PAUSE)
    }

    /// Waits; false if it has to stop before.
    fn pause(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        while !self.is_over() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(LOOK));
        }
        false
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.halt.load(Ordering::Relaxed)
    }

    fn flying(&self) -> MutexGuard<'_, HashSet<String>> {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transcript(&self) -> MutexGuard<'_, Transcript> {
        self.transcript.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What follows from an attempt.
enum End {
    Again,
    Failed(Error),
    Reply { text: Option<String>, finish: String },
}

/// What a question may take.
fn ask_of<'q>(question: &'q Question<'q>) -> Ask<'q> {
    let texts = texts(&question.request);
    let longest = u64::from(question.stage.max_tokens);
    let prompt = most_tokens(&texts);
    let cost = question.stage.price.of(prompt, longest);
    let most = Usage { prompt, completion: longest, lost: 0, cost };
    let likely: u64 = texts.iter().map(|text| likely_tokens(text)).sum();
    Ask { question, most, rate: likely + longest }
}

/// The texts of a request's messages.
pub fn texts(request: &Value) -> Vec<&str> {
    let messages = request["messages"].as_array().into_iter().flatten();
    messages.filter_map(|message| message["content"].as_str()).collect()
}

impl Ask<'_> {
    /// What an attempt took, and what follows from it.
    fn outcome(&self, attempt: Attempt, last: bool, client: &Client) -> (Usage, End) {
        let price = self.question.stage.price;
        let nothing = Usage::default();
        // A reply that never came whole may have been as long as it can be.
        let gone = Usage { lost: self.most.tokens(), cost: self.most.cost, ..Usage::default() };
        match attempt {
            Attempt::Reply(reply) => {
                let guess = || {
                    let text = reply.text.as_deref().unwrap_or_default();
                    (self.most.prompt, most_tokens(&[text]))
                };
                let (prompt, completion) = reply.tokens.unwrap_or_else(guess);
                let cost = price.of(prompt, completion);
                let used = Usage { prompt, completion, lost: 0, cost };
                (used, End::Reply { text: reply.text, finish: reply.finish })
            }
            Attempt::Refused(reason) => (nothing, End::Reply { text: None, finish: reason }),
            Attempt::Broken(reason) if last => {
                (gone, End::Reply { text: None, finish: format!("no whole reply: {reason}") })
            }
            Attempt::Broken(_) => (gone, End::Again),
            Attempt::Busy { wait, paid, .. } if !last => {
                if let Some(wait) = wait {
                    client.hold(wait);
                }
                (if paid { gone } else { nothing }, End::Again)
            }
            Attempt::Busy { reason, paid, code, .. } => {
                let way_out = match code {
                    69 => "is nobody there? start the server or correct `server.url`",
                    _ => "the same command goes on where this one stopped",
                };
                let message = format!("{reason}; {way_out}");
                let error = Error::Server { url: client.url().to_owned(), message, code };
                (if paid { gone } else { nothing }, End::Failed(error))
            }
            Attempt::Wrong(error) => (nothing, End::Failed(error)),
        }
    }
}
