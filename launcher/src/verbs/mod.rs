//! What each verb does, one file each.

pub mod ablate;
pub mod agent;
pub mod audit;
pub mod baseline;
pub mod cancel;
pub mod concepts;
pub mod data;
pub mod difference;
pub mod doctor;
pub mod drill;
pub mod drive;
mod effect;
pub mod evaluate;
pub mod export;
pub mod extract;
pub mod fetch;
mod follow;
pub mod ledger;
pub mod logs;
pub mod parallel;
pub mod paraphrase;
pub mod plan;
pub mod replay;
pub mod report;
pub mod reproduce;
pub mod resume;
mod rounds;
pub mod run;
pub mod score;
pub mod serve;
pub mod status;
pub mod submit;
pub mod sweep;
pub mod track;
pub mod verify;
pub mod why;
pub mod worker;

use crate::display::Display;
use crate::error::exit;
use serde_json::Value;
use std::time::Instant;

/// Shows how far the reading of a large model is.
fn reading(display: &mut Display) -> impl FnMut(u64, u64) {
    move |read, total| {
        if total >= trainer::run::WORTH_TELLING {
            let megabytes = |bytes: u64| (bytes >> 20) as usize;
            let (read, total) = (megabytes(read), megabytes(total));
            display.advance("reading the model (MB)", read, total, "", Instant::now());
        }
    }
}

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
