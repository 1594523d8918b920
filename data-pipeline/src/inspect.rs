//! Rows of a shard set as a person reads them: token by token, and once where rows share something.
//!
//! [`choice`] says which rows, [`read`] makes groups of them, [`terminal`] writes those as text; the
//! launcher makes a page of the same groups.

pub mod choice;
pub mod terminal;

use crate::error::Error;
use crate::shard::{Sample, ShardSet};
use crate::tokenizer::Tokenizer;
use serde::Serialize;
use std::ops::Range;

/// Rows that share a prefix, all of them or some.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Its number in the shard set.
    pub group: u32,
    /// All rows that it has there.
    pub rows: Range<usize>,
    /// What they share; may be empty.
    pub prefix: Part,
    /// The rows that were asked for.
    pub members: Vec<Member>,
}

/// One row without the prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its number in the shard set, from 0.
    pub row: usize,
    /// Unique in its dataset.
    pub sample_id: String,
    /// The dataset's name.
    pub dataset: String,
    /// The language of the text.
    pub language: String,
    /// What is learned from it.
    pub task: String,
    /// The position of the first token with a loss; the prefix counts.
    pub loss_from: usize,
    /// What is given.
    pub prompt: Part,
    /// What is learned: every token has a loss.
    pub answer: Part,
}

/// A stretch of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its tokens as text; special ones have none.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<Token>,
}

/// One token of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Where it stands in its row, from 0; in every row of a group the suffix begins at the length
    /// of the prefix.
    pub position: usize,
    /// Its id.
    pub id: u32,
    /// Its text, `<0xE4>` for a byte, `</s>` for a special id.
    pub piece: String,
    /// Whether it stands for bytes and not for text.
    pub bytes: bool,
    /// What the bytes up to here spell, at the last of a run of such tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spells: Option<String>,
    /// Whether it has a loss.
    pub supervised: bool,
}

impl Group {
    /// Whether rows of the group were not asked for.
    pub fn is_partial(&self) -> bool {
        self.members.len() < self.rows.len()
    }
}

impl Member {
    /// The positions of prompt and answer.
    pub fn positions(&self) -> Range<usize> {
        let tokens = self.prompt.tokens.len() + self.answer.tokens.len();
        let first = self.loss_from - self.prompt.tokens.len();
        first..first + tokens
    }
}

/// `rows`, in groups: neighbours with one prefix stand together.
pub fn read(shards: &ShardSet, rows: &[usize], tokenizer: &Tokenizer) -> Result<Vec<Group>, Error> {
    let mut groups: Vec<Group> = Vec::new();
    for &row in rows {
        let sample = shards.sample(row)?;
        let member = member(row, &sample, tokenizer);
        match groups.last_mut() {
            Some(last) if last.rows.contains(&row) => last.members.push(member),
            _ => groups.push(Group {
                group: sample.group,
                rows: choice::group_of(shards, row),
                prefix: part(&sample.prefix_ids, 0, false, tokenizer),
                members: vec![member],
            }),
        }
    }
    Ok(groups)
}

fn member(row: usize, sample: &Sample, tokenizer: &Tokenizer) -> Member {
    let first = sample.suffix_ids.len() - sample.supervised();
    let (prompt, answer) = sample.suffix_ids.split_at(first);
    let loss_from = sample.prefix_ids.len() + first;
    Member {
        row,
        sample_id: sample.sample_id.clone(),
        dataset: sample.dataset.clone(),
        language: sample.language.clone(),
        task: sample.task.clone(),
        loss_from,
        prompt: part(prompt, sample.prefix_ids.len(), false, tokenizer),
        answer: part(answer, loss_from, true, tokenizer),
    }
}

/// `ids` as tokens, the first at position `from`.
fn part(ids: &[u32], from: usize, supervised: bool, tokenizer: &Tokenizer) -> Part {
    let mut tokens = Vec::with_capacity(ids.len());
    for run in ids.chunk_by(|a, b| tokenizer.spells_bytes(*a) == tokenizer.spells_bytes(*b)) {
        let bytes = run.first().is_some_and(|id| tokenizer.spells_bytes(*id));
        tokens.extend(run.iter().map(|id| (*id, bytes, None)));
        if let Some((.., spells)) = tokens.last_mut().filter(|_| bytes) {
            *spells = Some(tokenizer.decode(run));
        }
    }
    let token = |(place, (id, bytes, spells))| Token {
        position: from + place,
        id,
        piece: tokenizer.piece(id),
        bytes,
        spells,
        supervised,
    };
    let tokens = tokens.into_iter().enumerate().map(token).collect();
    Part { text: tokenizer.decode(ids), tokens }
}

#[cfg(test)]
pub(crate) mod tests;
