//! The engine's side of the door: what came in, what is in work, and who hears of it.

use super::counters::Counters;
use super::engine::{Answered, Event, Failure, Listener, Order};
use super::text::Growing;
use crate::generation::StopText;
use data_pipeline::tokenizer::Tokenizer;
use model::generate::{Answer, Arrivals, Constraint, Sink};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

/// What one call asks for.
pub(super) struct Message {
    pub orders: Vec<Order>,
    pub deadline: Option<Instant>,
    pub listener: Listener,
    /// Whether its asker has gone away.
    pub gone: Arc<AtomicBool>,
}

/// What is waited for.
pub(super) struct Desk {
    receiver: Receiver<Message>,
    tokenizer: Arc<Tokenizer>,
    counters: Arc<Counters>,
    cut: Arc<AtomicBool>,
    /// By the number that the generator knows them by.
    open: BTreeMap<usize, Open>,
    /// The number of the next one.
    next: usize,
    /// Whether nothing more can come.
    is_closed: bool,
    generated: usize,
}

/// An order that has not ended.
struct Open {
    /// Its place in its call.
    place: usize,
    listener: Rc<RefCell<Listener>>,
    gone: Arc<AtomicBool>,
    deadline: Option<Instant>,
    text: Growing,
    /// The end of it, where nobody hears of pieces.
    tail: StopText,
    streams: bool,
    constraint: Option<Box<dyn Constraint + Send>>,
    /// When its answer began.
    began: Option<Instant>,
}

impl Desk {
    pub(super) fn new(
        receiver: Receiver<Message>,
        tokenizer: Arc<Tokenizer>,
        counters: Arc<Counters>,
        cut: Arc<AtomicBool>,
    ) -> Self {
        let (open, next, is_closed, generated) = (BTreeMap::new(), 0, false, 0);
        Self { receiver, tokenizer, counters, cut, open, next, is_closed, generated }
    }

    /// Tells everybody who still waits that nothing comes any more.
    pub(super) fn close(&mut self) {
        let open: Vec<usize> = self.open.keys().copied().collect();
        open.into_iter().for_each(|number| self.fail(number, Failure::Ended));
        // Those who ask until the door is shut have been counted.
        while let Ok(message) = self.receiver.try_recv() {
            let Message { orders, mut listener, .. } = message;
            self.counters.waiting.fetch_sub(orders.len(), Relaxed);
            (0..orders.len()).for_each(|place| listener(place, Event::Failed(Failure::Ended)));
        }
    }

    /// Puts what a call asks for behind all others.
    fn take(&mut self, message: Message, arrivals: &mut Arrivals) {
        let Message { orders, deadline, listener, gone } = message;
        let listener = Rc::new(RefCell::new(listener));
        for (place, order) in orders.into_iter().enumerate() {
            let Order { request, stops, streams, constraint } = order;
            let open = Open {
                place,
                listener: listener.clone(),
                gone: gone.clone(),
                deadline,
                text: Growing::new(stops),
                tail: StopText::default(),
                streams,
                constraint,
                began: None,
            };
            self.open.insert(self.next, open);
            self.next += 1;
            arrivals.requests.push(request);
        }
    }

    /// Takes what has come, without waiting.
    fn take_all(&mut self, arrivals: &mut Arrivals) {
        loop {
            match self.receiver.try_recv() {
                Ok(message) => self.take(message, arrivals),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.is_closed = true;
                    return;
                }
            }
        }
    }

    /// Those whose asker has gone, and those whose time is over, which are told.
    fn given_up(&mut self) -> Vec<usize> {
        let now = Instant::now();
        let gone = |open: &Open| open.gone.load(Relaxed);
        let late = |open: &Open| open.deadline.is_some_and(|deadline| now >= deadline);
        let given_up: Vec<(usize, bool)> = self
            .open
            .iter()
            .filter(|(_, open)| gone(open) || late(open))
            .map(|(number, open)| (*number, gone(open)))
            .collect();
        for (number, is_gone) in &given_up {
            if *is_gone {
                self.counters.withdrawn.fetch_add(1, Relaxed);
                self.end(*number);
            } else {
                self.counters.late.fetch_add(1, Relaxed);
                self.fail(*number, Failure::Late);
            }
        }
        given_up.into_iter().map(|(number, _)| number).collect()
    }

    fn fail(&mut self, number: usize, failure: Failure) {
        if let Some(open) = self.end(number) {
            open.tell(Event::Failed(failure));
        }
    }

    /// Takes an order off the desk.
    fn end(&mut self, number: usize) -> Option<Open> {
        let open = self.open.remove(&number)?;
        let counter =
            if open.began.is_some() { &self.counters.in_work } else { &self.counters.waiting };
        counter.fetch_sub(1, Relaxed);
        Some(open)
    }
}

impl Open {
    fn tell(&self, event: Event) {
        (self.listener.borrow_mut())(self.place, event);
    }
}

impl Sink for Desk {
    fn answer(&mut self, request: usize, answer: Answer) -> ControlFlow<()> {
        let Some(mut open) = self.end(request) else { return ControlFlow::Continue(()) };
        let took = open.began.map(|began| began.elapsed().as_micros() as u64);
        self.counters.microseconds.fetch_add(took.unwrap_or(0), Relaxed);
        self.counters.answered.fetch_add(1, Relaxed);
        let Answer { ids, end } = answer;
        let text = self.tokenizer.decode(&ids);
        let rest = open.text.finish(&text);
        if open.streams && !rest.is_empty() {
            open.tell(Event::Piece(rest));
        }
        let text = open.text.whole(&text).to_owned();
        open.tell(Event::Done(Answered { ids, text, end }));
        ControlFlow::Continue(())
    }

    fn progress(&mut self, generated: usize) -> ControlFlow<()> {
        self.counters.answer_tokens.fetch_add((generated - self.generated) as u64, Relaxed);
        self.generated = generated;
        if self.cut.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn stops(&mut self, request: usize, answer: &[u32]) -> bool {
        let Some(open) = self.open.get_mut(&request) else { return false };
        if !open.streams {
            let Some(id) = answer.last().filter(|_| open.text.has_stops()) else { return false };
            return open.tail.ends_with(*id, open.text.stops(), |ids| self.tokenizer.decode(ids));
        }
        let growth = open.text.grow(&self.tokenizer.decode(answer));
        if !growth.piece.is_empty() {
            open.tell(Event::Piece(growth.piece));
        }
        growth.stops
    }

    /// Asked once, when an answer begins: that is what tells work from waiting.
    fn constraint(&mut self, request: usize) -> Option<Box<dyn Constraint>> {
        let open = self.open.get_mut(&request)?;
        open.began = Some(Instant::now());
        self.counters.waiting.fetch_sub(1, Relaxed);
        self.counters.in_work.fetch_add(1, Relaxed);
        let constraint: Box<dyn Constraint> = open.constraint.take()?;
        Some(constraint)
    }

    fn arrivals(&mut self, is_idle: bool) -> Arrivals {
        let mut arrivals = Arrivals::default();
        if is_idle && !self.is_closed {
            match self.receiver.recv() {
                Ok(message) => self.take(message, &mut arrivals),
                Err(_) => self.is_closed = true,
            }
        }
        self.take_all(&mut arrivals);
        arrivals.withdrawn = self.given_up();
        arrivals.is_open = !self.is_closed;
        arrivals
    }
}
