//! The batch that both sides read.

use crate::Failure;
use data_pipeline::batch::{Group, Suffix};
use serde::Deserialize;
use std::path::Path;
use trainer::step::{StepInput, StepPart};

#[derive(Deserialize)]
struct File {
    groups: Vec<Behind>,
}

/// Samples behind one prefix.
#[derive(Deserialize)]
struct Behind {
    prefix: Vec<u32>,
    suffixes: Vec<Own>,
}

#[derive(Deserialize)]
struct Own {
    ids: Vec<u32>,
    supervised_from: usize,
}

/// A step's rows.
pub struct Work {
    groups: Vec<Group>,
    pub samples: usize,
    pub supervised: u64,
    /// Tokens of all samples, a prefix counted with each.
    pub data_tokens: u64,
}

impl Work {
    /// The file's samples, at most `k` behind one prefix.
    pub fn read(path: &Path, k: usize) -> Result<Self, Failure> {
        let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let file: File = serde_json::from_slice(&text)?;
        Ok(Self::grouped(file.groups, k))
    }

    /// Samples without a prefix, every token of which has a loss.
    pub fn of(samples: Vec<Vec<u32>>) -> Self {
        let alone =
            |ids| Behind { prefix: Vec::new(), suffixes: vec![Own { ids, supervised_from: 0 }] };
        Self::grouped(samples.into_iter().map(alone).collect(), 1)
    }

    fn grouped(all: Vec<Behind>, k: usize) -> Self {
        let mut groups = Vec::new();
        let mut samples = 0;
        for behind in all {
            let suffixes: Vec<Suffix> = behind
                .suffixes
                .into_iter()
                .map(|own| {
                    samples += 1;
                    let (row, supervised_from) = (samples - 1, own.supervised_from);
                    Suffix { row, slot: row, ids: own.ids, supervised_from }
                })
                .collect();
            for part in suffixes.chunks(k.max(1)) {
                groups.push(Group { prefix: behind.prefix.clone(), suffixes: part.to_vec() });
            }
        }
        let supervised = groups.iter().map(|group| group.supervised() as u64).sum();
        let of = |group: &Group| -> usize {
            group.suffixes.iter().map(|suffix| group.prefix.len() + suffix.ids.len()).sum()
        };
        let data_tokens = groups.iter().map(|group| of(group) as u64).sum();
        Self { groups, samples, supervised, data_tokens }
    }

    /// The groups.
    pub fn groups(&self) -> Vec<Group> {
        self.groups.clone()
    }

    /// A step over them.
    pub fn input(&self) -> StepInput {
        StepInput {
            parts: vec![StepPart { groups: self.groups(), dropout_seed: None }],
            samples: self.samples,
            supervised: self.supervised,
            noise_seed: 0,
        }
    }
}
