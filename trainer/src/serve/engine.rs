//! The thread that owns a model, and the handle through which everybody asks it.
//!
//! Who asks is told at once whether there is room; then a listener hears of each order until its end. A
//! [`Ticket`] that is dropped says that nobody listens any more: the row goes to others.

use super::Stats;
use super::counters::Counters;
use super::desk::{Desk, Message};
use crate::Error;
use data_pipeline::tokenizer::Tokenizer;
use model::Decoder;
use model::generate::{Constraint, End, GenerateConfig, Request, generate};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// One answer to generate.
#[derive(Default)]
pub struct Order {
    /// What is asked.
    pub request: Request,
    /// The answer ends at the first of these strings, none of them empty.
    pub stops: Vec<String>,
    /// Whether its text is told in pieces as it comes.
    pub streams: bool,
    /// What restricts it.
    pub constraint: Option<Box<dyn Constraint + Send>>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its tokens, what stopped it included.
    pub ids: Vec<u32>,
    /// Its text, without what stopped it.
    pub text: String,
    /// Why it ended.
    pub end: End,
}

/// What is heard of an order. The last one is an answer or a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// More of its text.
    Piece(String),
    /// Its end.
    Done(Answered),
    /// It has no answer.
    Failed(Failure),
}

/// Why an order has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Its time is over.
    #[error("the time for it is over")]
    Late,
    /// The engine ended first.
    #[error("the program is about to end")]
    Ended,
}

/// Hears of the orders of one call, each by its place among them.
pub type Listener = Box<dyn FnMut(usize, Event) + Send>;

/// Why orders are not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no room now.
    #[error("{waiting} requests wait already, at most {queue} may; ask again in {seconds} s")]
    Full {
        /// Requests that wait.
        waiting: usize,
        /// How many may.
        queue: usize,
        /// When to ask again.
        seconds: u64,
    },
    /// There will never be room.
    #[error("it needs {asked} prompts, at most {queue} may wait; ask for less at a time")]
    TooMany {
        /// Requests of the call.
        asked: usize,
        /// How many may wait.
        queue: usize,
    },
    /// No more is taken.
    #[error("the program is about to end and takes nothing more")]
    Ending,
    /// There is nothing that an answer could follow.
    #[error("a prompt is empty; an answer follows at least one token")]
    Empty,
    /// Tokens that the model does not know.
    #[error("a prompt has the token id {id}, the model's vocabulary has {vocabulary}")]
    Foreign {
        /// The token.
        id: u32,
        /// How many there are.
        vocabulary: usize,
    },
}

/// Says that somebody still waits for orders; they are given up when it is dropped.
#[derive(Debug)]
#[must_use = "orders are given up when their ticket is dropped"]
pub struct Ticket {
    gone: Arc<AtomicBool>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.gone.store(true, Relaxed);
    }
}

/// The handle of a model at work; clones are the same one.
#[derive(Clone)]
pub struct Engine {
    /// None as soon as nothing more is taken.
    sender: Arc<Mutex<Option<Sender<Message>>>>,
    counters: Arc<Counters>,
    /// Set when even what is in work is given up.
    cut: Arc<AtomicBool>,
    queue: usize,
    rows: usize,
    vocabulary: usize,
    tokenizer: Arc<Tokenizer>,
}

/// The thread of an engine.
pub struct Thread(JoinHandle<Result<(), Error>>);

impl Engine {
    /// Starts a thread that answers with `decoder`; at most `queue` orders wait for one of its rows.
    pub fn start(
        decoder: Decoder,
        tokenizer: Arc<Tokenizer>,
        config: GenerateConfig,
        queue: usize,
    ) -> Result<(Self, Thread), Error> {
        config.check()?;
        let (sender, receiver) = channel();
        let counters = Arc::new(Counters::default());
        let cut = Arc::new(AtomicBool::new(false));
        let engine = Self {
            sender: Arc::new(Mutex::new(Some(sender))),
            counters: counters.clone(),
            cut: cut.clone(),
            queue: queue.max(1),
            rows: config.rows,
            vocabulary: decoder.config.vocab_size,
            tokenizer: tokenizer.clone(),
        };
        let work = move || {
            let mut desk = Desk::new(receiver, tokenizer, counters, cut);
            let flow = generate(&decoder, &[], &config, &mut desk);
            desk.close();
            flow.map(drop).map_err(Error::from)
        };
        let thread = std::thread::Builder::new()
            .name("engine".into())
            .spawn(work)
            .map_err(|error| Error::Device(format!("failed to start a thread: {error}")))?;
        Ok((engine, Thread(thread)))
    }

    /// Takes `orders`, all or none; `listener` hears of each. What has no answer at `deadline` has
    /// none.
    pub fn submit(
        &self,
        orders: Vec<Order>,
        deadline: Option<Instant>,
        listener: Listener,
    ) -> Result<Ticket, Refusal> {
        orders.iter().try_for_each(|order| self.check(order))?;
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = sender.as_ref() else { return Err(Refusal::Ending) };
        // Only changed under the lock, as far as it grows.
        let waiting = self.counters.waiting.load(Relaxed);
        if orders.len() > self.queue {
            return Err(Refusal::TooMany { asked: orders.len(), queue: self.queue });
        }
        if waiting + orders.len() > self.queue {
            self.counters.refused.fetch_add(orders.len() as u64, Relaxed);
            let seconds = self.counters.patience(self.rows);
            return Err(Refusal::Full { waiting, queue: self.queue, seconds });
        }
        self.counters.waiting.fetch_add(orders.len(), Relaxed);
        self.counters.taken.fetch_add(orders.len() as u64, Relaxed);
        let tokens = |order: &Order| order.request.prefix.len() + order.request.prompt.len();
        let tokens: usize = orders.iter().map(tokens).sum();
        self.counters.prompt_tokens.fetch_add(tokens as u64, Relaxed);
        let gone = Arc::new(AtomicBool::new(false));
        let message = Message { orders, deadline, listener, gone: gone.clone() };
        // Fails where the thread has ended by itself, of an error that is told elsewhere.
        sender.send(message).map_err(|_| Refusal::Ending)?;
        Ok(Ticket { gone })
    }

    /// Takes nothing more; what was taken is answered, and then the thread ends.
    pub fn stop(&self) {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Takes nothing more and gives up what is in work.
    pub fn cut(&self) {
        self.cut.store(true, Relaxed);
        self.stop();
    }

    /// Whether it still takes orders.
    pub fn is_open(&self) -> bool {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// What it has done, and has to do.
    pub fn stats(&self) -> Stats {
        self.counters.stats()
    }

    /// How many orders may wait.
    pub fn queue(&self) -> usize {
        self.queue
    }

    /// Text to ids and back.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn check(&self, order: &Order) -> Result<(), Refusal> {
        let Request { prefix, prompt, .. } = &order.request;
        if prompt.is_empty() {
            return Err(Refusal::Empty);
        }
        let vocabulary = self.vocabulary;
        match prefix.iter().chain(prompt).find(|id| **id as usize >= vocabulary) {
            Some(id) => Err(Refusal::Foreign { id: *id, vocabulary }),
            None => Ok(()),
        }
    }
}

impl Thread {
    /// Waits for its end: after [`Engine::stop`], or where it cannot go on.
    pub fn join(self) -> Result<(), Error> {
        self.0.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.0.is_finished()
    }
}
