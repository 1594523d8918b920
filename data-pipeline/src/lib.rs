//! From corpora to batches, and from answers back to instances.
//!
//! # Layout
//! - [`schema`], [`sentence`]: the classes a model may instantiate; text and the objects in it.
//! - [`corpus`]: one declaration in `configs/datasets/` becomes sentences.
//! - [`concepts`]: what original labels mean, and whether declarations agree.
//! - [`parallel`]: sentences and their names, translated by language models and checked.
//! - [`audit`]: what training data and benchmarks have in common.
//! - [`python`], [`prompt`]: sentences become code to complete; answers become objects again.
//! - [`grammar`]: which tokens may come next in an answer that can be read.
//! - [`shots`]: training text that prompts show, as demonstrations and examples.
//! - [`tokenizer`], [`tokens`]: text and token ids.
//! - [`prepare`], [`shard`], [`manifest`]: corpora become Parquet shards that prove what made them;
//!   [`inspect`] shows a row, [`effect`] what the settings made of it; [`parts`] divides what is
//!   too long.
//! - [`order`], [`batch`], [`loader`]: which rows a step trains on, and in which layout; [`fill`]:
//!   how full that is.
//! - [`ledger`]: what a run has trained on, sample by sample.
//! - [`width`]: how text stands on a terminal.
//! - [`floor`]: what needs no model; [`benchmark`]: what papers report, as tables beside ours.
//! - [`predictions`], [`score`]: what a model answered, and what it is worth against gold;
//!   [`errors`]: what is wrong with it, mistake by mistake.
//!
//! This crate knows neither tensors nor ranks: a caller's part of the work is an [`order::Share`].

pub mod audit;
pub mod batch;
pub mod benchmark;
pub mod concepts;
pub mod corpus;
mod durable;
pub mod effect;
pub mod error;
pub mod errors;
pub mod fill;
pub mod floor;
pub mod grammar;
pub mod inspect;
pub mod language;
pub mod ledger;
pub mod loader;
pub mod manifest;
pub mod order;
pub mod parallel;
pub mod parts;
pub mod predictions;
pub mod prepare;
pub mod prompt;
pub mod python;
mod random;
#[cfg(test)]
mod real;
pub mod schema;
pub mod score;
pub mod sentence;
pub mod shard;
pub mod shell;
pub mod shots;
pub mod tokenizer;
pub mod tokens;
pub mod width;

pub use error::Error;
pub use schema::{Class, Kind, Schema, Task};
pub use sentence::{Entity, Event, Instance, Mention, Parallel, Relation, Sentence, Span};
