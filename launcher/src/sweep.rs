//! A search for better values of a recipe's keys: trials, each the recipe with values of its own.
//!
//! Any number of processes work on a sweep at a time, on one machine or on many that share its directory.
//! They are all alike: each reads the log, decides under a lock what follows from it, and runs trials.
//!
//! # Layout
//! - [`definition`]: the file that asks. [`space`]: the keys and their values. [`metric`]: what is compared.
//! - [`log`]: `sweep.jsonl`, the truth; [`state`]: what it comes to.
//! - [`sampler`]: which values are tried next. [`rungs`]: which trials go on.
//! - [`claims`]: who works on what. [`worker`]: a process at work; [`trial`] and [`shards`]: what it runs.
//!   [`mod@array`], [`indexed`]: many workers in a queue. [`slot`], [`ending`], [`outcome`], [`devices`],
//!   [`company`]: a run at work. [`held`]: the log while it is ours; [`accidents`]: when nobody goes on;
//!   [`mod@lost`]: whose process is gone; [`spent`]: the budget; [`telling`]: lines of it.
//! - [`summary`], [`importance`], [`page`]: what came of it.

mod accidents;
pub mod array;
mod claims;
mod company;
pub mod definition;
pub mod devices;
mod ending;
mod held;
mod importance;
pub mod indexed;
pub mod log;
pub mod lost;
mod metric;
mod outcome;
pub mod page;
mod random;
mod rungs;
mod sampler;
pub mod shards;
#[cfg(test)]
mod simulated;
mod slot;
mod space;
mod spent;
pub mod state;
pub mod summary;
mod telling;
mod trial;
pub mod worker;

pub use space::told;
pub use trial::{Folder, Setting};
