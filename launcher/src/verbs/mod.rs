//! What each verb does, one file each.

pub mod audit;
pub mod concepts;
pub mod data;
mod difference;
mod effect;
pub mod evaluate;
pub mod export;
pub mod extract;
pub mod fetch;
pub mod parallel;
pub mod paraphrase;
pub mod plan;
pub mod report;
pub mod run;
pub mod score;
pub mod worker;

use crate::error::exit;
use serde_json::Value;

/// What a verb says on stdout: the same for a person and for a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// For a person, with its line ends.
    pub text: String,
    /// For a program.
    pub json: Value,
    /// What the process ends with.
    pub code: u8,
}

impl Answer {
    /// An answer of a verb that did what it should.
    pub fn new(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, code: exit::DONE }
    }
}
