//! Measures loss, gradients and generation on request, for `scripts/bench/model.py`.
//!
//!     RAYON_NUM_THREADS=1 speed DIRECTORY
//!
//! DIRECTORY holds the model. A request is one line of JSON on standard input, its answer one line on
//! standard output, so that the caller can let another program work in between:
//!
//! - `{"do": "prepare", "name": N, "groups": [{"prefix": [ids], "suffixes": [[ids], …]}, …],
//!   "supervised": n, "recompute": false}`: loss and gradients of groups; the last n tokens of each
//!   suffix are supervised.
//! - `{"do": "prepare", "name": N, "prefix": [ids], "prompts": [[ids], …], "new_tokens": n}`: greedy
//!   answers of exactly n tokens to prompts behind one prefix.
//! - `{"do": "measure", "name": N}`: does it once. Time is the processor's for the whole process and the
//!   clock's, in seconds; `tokens` counts what the network computes, a shared prefix once; `data_tokens`
//!   counts it for each sample.
//! - `{"do": "outcome", "name": N}`: does it once unmeasured, for what only a comparison needs: the norm
//!   of all gradients.

use burn::tensor::{DType, Device};
use model::backward::{Gradients, Options, backward};
use model::generate::{GenerateConfig, Request, answers};
use model::layout::{GroupBatch, Piece, Target};
use model::ops::GroupShape;
use model::{Decoder, files};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).ok_or("usage: speed DIRECTORY")?;
    let decoder = files::load(Path::new(&directory), &Device::flex(), DType::F32)?;
    let mut works = HashMap::new();
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?)? {
            Command::Prepare { name, work } => {
                let work = Work::new(work);
                let answer = json!({"tokens": work.tokens, "data_tokens": work.data_tokens});
                works.insert(name, work);
                answer
            }
            Command::Measure { name } => measure(&decoder, find(&works, &name)?)?,
            Command::Outcome { name } => outcome(&decoder, find(&works, &name)?)?,
        };
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Command {
    Prepare {
        name: String,
        #[serde(flatten)]
        work: Asked,
    },
    Measure {
        name: String,
    },
    Outcome {
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Asked {
    Train {
        groups: Vec<Group>,
        supervised: usize,
        #[serde(default)]
        recompute: bool,
    },
    Generate {
        prefix: Vec<u32>,
        prompts: Vec<Vec<u32>>,
        new_tokens: usize,
    },
}

#[derive(Deserialize)]
struct Group {
    prefix: Vec<u32>,
    suffixes: Vec<Vec<u32>>,
}

/// What is done again and again.
struct Work {
    kind: Kind,
    tokens: usize,
    data_tokens: usize,
}

enum Kind {
    Train(GroupBatch, Options),
    Generate(Vec<Request>, GenerateConfig),
}

impl Work {
    fn new(asked: Asked) -> Self {
        match asked {
            Asked::Train { groups, supervised, recompute } => {
                let data_tokens = groups
                    .iter()
                    .flat_map(|group| {
                        group.suffixes.iter().map(|suffix| group.prefix.len() + suffix.len())
                    })
                    .sum();
                let batch = batch(&groups, supervised);
                // More blocks than there are: all of them.
                let recompute = if recompute { usize::MAX } else { 0 };
                let options = Options { recompute, ..Options::default() };
                Self { tokens: batch.ids.len(), data_tokens, kind: Kind::Train(batch, options) }
            }
            Asked::Generate { prefix, prompts, new_tokens } => {
                // Answers have a fixed length: both sides must do the same work.
                let config = GenerateConfig {
                    max_new_tokens: new_tokens,
                    rows: prompts.len(),
                    end_ids: Some(Vec::new()),
                    ..GenerateConfig::default()
                };
                let tokens = prompts.len() * new_tokens;
                let requests = prompts
                    .into_iter()
                    .map(|prompt| Request::new(prefix.clone(), prompt))
                    .collect();
                Self { kind: Kind::Generate(requests, config), tokens, data_tokens: tokens }
            }
        }
    }
}

/// All groups as one batch; groups of the same shape share a piece.
fn batch(groups: &[Group], supervised: usize) -> GroupBatch {
    let mut batch = GroupBatch { pieces: Vec::new(), ids: Vec::new(), targets: Vec::new() };
    for group in groups {
        let first = batch.ids.len();
        batch.ids.extend(group.prefix.iter().map(|id| *id as i32));
        for suffix in &group.suffixes {
            let start = batch.ids.len();
            let from = suffix.len().saturating_sub(supervised);
            batch.targets.extend(suffix.iter().enumerate().skip(from).filter_map(|(i, label)| {
                // The first token of a suffix follows the prefix's last, the first of all nothing.
                let position = match i {
                    0 if group.prefix.is_empty() => return None,
                    0 => first + group.prefix.len() - 1,
                    i => start + i - 1,
                };
                Some(Target { position, label: *label, weight: 1.0 })
            }));
            batch.ids.extend(suffix.iter().map(|id| *id as i32));
        }
        let lengths: Vec<usize> = group.suffixes.iter().map(Vec::len).collect();
        let shape = GroupShape {
            prefix: group.prefix.len(),
            k: lengths.len(),
            suffix: lengths.iter().copied().max().unwrap_or(0),
        };
        match batch.pieces.last_mut().filter(|piece| piece.shape == shape) {
            Some(piece) => {
                piece.groups += 1;
                piece.prefix_lengths.push(group.prefix.len());
                piece.suffix_lengths.extend(lengths);
            }
            None => batch.pieces.push(Piece {
                groups: 1,
                shape,
                prefix_lengths: vec![group.prefix.len()],
                suffix_lengths: lengths,
            }),
        }
    }
    batch
}

fn find<'a>(works: &'a HashMap<String, Work>, name: &str) -> Result<&'a Work, String> {
    works.get(name).ok_or_else(|| format!("`{name}` was not prepared"))
}

fn measure(decoder: &Decoder, work: &Work) -> Result<Value, model::Error> {
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let mut answer = match &work.kind {
        Kind::Train(batch, options) => {
            let mut gradients = Gradients::new();
            json!({"loss": backward(decoder, batch, *options, &mut gradients).sum})
        }
        Kind::Generate(requests, config) => {
            json!({"ids": answers(decoder, requests, config)?})
        }
    };
    answer["cpu_seconds"] = (cpu_seconds() - cpu).into();
    answer["wall_seconds"] = wall.elapsed().as_secs_f64().into();
    answer["tokens"] = work.tokens.into();
    answer["data_tokens"] = work.data_tokens.into();
    answer["peak_bytes"] = peak_bytes().into();
    Ok(answer)
}

fn outcome(decoder: &Decoder, work: &Work) -> Result<Value, model::Error> {
    Ok(match &work.kind {
        Kind::Train(batch, options) => {
            let mut gradients = Gradients::new();
            let loss = backward(decoder, batch, *options, &mut gradients).sum;
            let norms: serde_json::Map<String, Value> = gradients
                .into_iter()
                .map(|(path, gradient)| {
                    let square: f64 =
                        gradient.into_data().iter::<f32>().map(|x| f64::from(x).powi(2)).sum();
                    (path, square.sqrt().into())
                })
                .collect();
            json!({"loss": loss, "gradient_norms": norms})
        }
        Kind::Generate(requests, config) => {
            json!({"ids": answers(decoder, requests, config)?})
        }
    })
}

/// Processor time of all threads of this process so far.
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// The most memory that this process ever had resident.
fn peak_bytes() -> u64 {
    // SAFETY: zeroes are a valid `rusage`, and `usage` is a valid place for the answer.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    usage.ru_maxrss as u64 * 1024
}
