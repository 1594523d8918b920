//! A model that is asked by many at once: one thread owns it, and requests enter its running batches.
//!
//! Nothing here knows of HTTP: who asks gives a listener and hears pieces of answers as they come. The
//! verb `serve` puts sockets in front, and `extract` asks through the same door.
//!
//! # Layout
//! - `engine`: the thread and its handle: a bounded queue, deadlines, who has gone away, a stop that drains.
//! - `desk`: that thread's side: what waits, what is in work, who hears of it.
//! - `text`: the text of a growing answer, in pieces that never change again, up to a stop string.
//! - `counters`: what has happened so far.

mod counters;
mod desk;
mod engine;
#[cfg(test)]
mod tests;
mod text;

pub use counters::Stats;
pub use engine::{Answered, Engine, Event, Failure, Listener, Order, Refusal, Thread, Ticket};
pub use model::generate::End;
