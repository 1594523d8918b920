//! What an export must show before it is trusted: that it computes what its source computes.
//!
//! The source answers a set of prompts greedily; logits after each prompt are kept whole. The export
//! is loaded as anyone would load it and reads the same tokens. Two measures decide:
//! - the distance of the logits, relative to the spread of the source's: within a bound that follows
//!   from the type that weights were rounded to;
//! - the greedy choice at every position: the same, except where the source's two best were closer
//!   than twice the largest distance that was found.

use crate::generate::{GenerateConfig, Request, answers};
use crate::layout::{GroupBatch, Layout, Piece};
use crate::ops::{self, GroupShape};
use crate::{Decoder, DecoderConfig, Error};
use burn::tensor::{DType, Int, Tensor, TensorData};
use serde::Serialize;

/// Token ids that are asked, made up from a seed.
#[derive(Clone, Debug)]
pub struct Questions {
    prompts: Vec<Vec<u32>>,
    new_tokens: usize,
}

/// What a network answers.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Greedy answers; shorter where the end was chosen.
    pub answers: Vec<Vec<u32>>,
    /// Logits after each prompt: `[prompts][vocabulary]`.
    logits: Vec<Vec<f32>>,
    /// By prompt, for each token of its answer: the choice, and how far ahead of the second it was.
    choices: Vec<Vec<(u32, f32)>>,
}

/// What was compared, and how it came out.
#[derive(Clone, Debug, Serialize)]
pub struct Proof {
    /// Number of prompts.
    pub prompts: usize,
    /// Logits that were compared.
    pub logits: usize,
    /// Largest distance of a prompt's logits, relative to their spread.
    pub distance: f64,
    /// What it may be.
    pub bound: f64,
    /// Largest difference of one logit.
    pub largest_difference: f64,
    /// Greedy choices that were compared.
    pub choices: usize,
    /// Those that differ where the two best were too close to tell.
    pub near_ties: usize,
    /// Those that differ otherwise.
    pub different: usize,
}

impl Proof {
    /// Whether the export is its source.
    pub fn holds(&self) -> bool {
        self.distance <= self.bound && self.different == 0 && self.choices > 0
    }

    /// One sentence with every number.
    pub fn sentence(&self) -> String {
        let Self { prompts, logits, distance, bound, choices, near_ties, different, .. } = self;
        let same = choices - near_ties - different;
        format!(
            "{prompts} prompts: {logits} logits within {distance:.1e} of their spread \
             (bound {bound:.0e}), {same} of {choices} greedy choices equal, {near_ties} near ties, \
             {different} different"
        )
    }
}

/// How far logits may be off, relative to their spread, when weights are rounded to `dtype`.
///
/// A weight is off by up to half a unit of the last place (2⁻²⁵, 2⁻¹², 2⁻⁹ of itself), and errors of a
/// sum mostly cancel. On models of three and four blocks (`tests/export.rs`, the quick start's
/// checkpoint) distances were up to 2.8e-5, 3.1e-3 and 3.2e-2; deeper ones have not been measured. A
/// forgotten norm of the head is off by 0.24 or more.
pub fn bound(dtype: DType) -> f64 {
    match dtype {
        DType::BF16 => 1e-1,
        DType::F16 => 1e-2,
        _ => 1e-3,
    }
}

impl Questions {
    /// `count` prompts of 4 to 48 ids of the vocabulary, the same for the same shape.
    pub fn new(config: &DecoderConfig, count: usize, new_tokens: usize) -> Self {
        let mut state = 0x5EED_u64;
        let mut next = move |below: usize| {
            // A linear congruence is enough: nothing depends on its quality.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below.max(1)
        };
        let longest = 48.min(config.max_length().saturating_sub(new_tokens)).max(4);
        // Ids 0 to 2 mean padding, beginning and end in this family.
        let first = 3.min(config.vocab_size - 1);
        let mut prompt = |_| {
            let length = 4 + next(longest - 3);
            (0..length).map(|_| (first + next(config.vocab_size - first)) as u32).collect()
        };
        Self { prompts: (0..count).map(&mut prompt).collect(), new_tokens }
    }

    /// The prompts.
    pub fn prompts(&self) -> &[Vec<u32>] {
        &self.prompts
    }

    /// What `decoder` answers by itself; `progress` hears of each prompt.
    pub fn ask(
        &self,
        decoder: &Decoder,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Observation, Error> {
        let request = |ids: &Vec<u32>| Request::new(Vec::new(), ids.clone());
        let requests: Vec<Request> = self.prompts.iter().map(request).collect();
        let config =
            GenerateConfig { max_new_tokens: self.new_tokens, ..GenerateConfig::default() };
        let answers = answers(decoder, &requests, &config)?;
        self.follow(decoder, answers, progress)
    }

    /// What `decoder` would choose at each token of `answers`.
    pub fn follow(
        &self,
        decoder: &Decoder,
        answers: Vec<Vec<u32>>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Observation, Error> {
        let matrix = decoder.head_matrix();
        let mut logits = Vec::with_capacity(answers.len());
        let mut choices = Vec::with_capacity(answers.len());
        for (prompt, answer) in self.prompts.iter().zip(&answers) {
            let rows = logits_behind(decoder, &matrix, prompt, answer)?;
            choices.push(rows.iter().map(|row| best_two(row)).collect());
            logits.extend(rows.into_iter().next());
            progress(logits.len());
        }
        Ok(Observation { answers, logits, choices })
    }
}

/// Logits after the prompt and after each token of the answer but the last.
fn logits_behind(
    decoder: &Decoder,
    matrix: &Tensor<2>,
    prompt: &[u32],
    answer: &[u32],
) -> Result<Vec<Vec<f32>>, Error> {
    let asked = answer.len().max(1);
    let ids: Vec<i32> = prompt.iter().chain(&answer[..asked - 1]).map(|id| *id as i32).collect();
    let piece = Piece {
        groups: 1,
        shape: GroupShape { prefix: 0, k: 1, suffix: ids.len() },
        prefix_lengths: vec![0],
        suffix_lengths: vec![ids.len()],
    };
    let batch = GroupBatch { pieces: vec![piece], ids, targets: Vec::new() };
    let device = decoder.device();
    let layout = Layout::new(&batch, &decoder.config, &device);
    let mut x = decoder.embed(batch.ids(&device));
    for block in &decoder.blocks {
        x = block.forward(x, &layout, false);
    }
    let first = prompt.len() as i32 - 1;
    let places: Vec<i32> = (first..first + asked as i32).collect();
    let places = Tensor::<1, Int>::from_data(TensorData::new(places, [asked]), &device);
    let logits = ops::linear(decoder.head.normed(x.select(1, places)), matrix.clone());
    let data = ops::cast(logits, DType::F32)
        .try_into_data()
        .map_err(|error| Error::Config(format!("logits cannot be read: {error:?}")))?;
    let values: Vec<f32> = data.iter::<f32>().collect();
    Ok(values.chunks(decoder.config.vocab_size).map(<[f32]>::to_vec).collect())
}

/// The lowest id of the largest logit, and how far the second is behind it.
fn best_two(row: &[f32]) -> (u32, f32) {
    let (mut best, mut first, mut second) = (0, f32::NEG_INFINITY, f32::NEG_INFINITY);
    for (id, value) in row.iter().enumerate() {
        if *value > first {
            (best, second, first) = (id as u32, first, *value);
        } else {
            second = second.max(*value);
        }
    }
    (best, first - second)
}

/// Holds an export against its source; weights were rounded to `dtype`.
pub fn compare(source: &Observation, export: &Observation, dtype: DType) -> Proof {
    let mut proof = Proof {
        prompts: source.logits.len(),
        logits: source.logits.iter().map(Vec::len).sum(),
        distance: 0.0,
        bound: bound(dtype),
        largest_difference: 0.0,
        choices: 0,
        near_ties: 0,
        different: 0,
    };
    for (ours, theirs) in source.logits.iter().zip(&export.logits) {
        let (distance, largest) = distance(ours, theirs);
        // A logit that is no number makes a distance that is none, and must not pass as small.
        let or_infinite = |value: f64| if value.is_nan() { f64::INFINITY } else { value };
        proof.distance = proof.distance.max(or_infinite(distance));
        proof.largest_difference = proof.largest_difference.max(or_infinite(largest));
    }
    for (ours, theirs) in source.choices.iter().zip(&export.choices) {
        for ((id, margin), (other, _)) in ours.iter().zip(theirs) {
            proof.choices += 1;
            if id != other {
                let tie = f64::from(*margin) <= 2.0 * proof.largest_difference;
                *(if tie { &mut proof.near_ties } else { &mut proof.different }) += 1;
            }
        }
    }
    proof
}

/// ‖a - b‖ over the spread of `a`, and the largest difference.
fn distance(a: &[f32], b: &[f32]) -> (f64, f64) {
    let count = a.len().max(1) as f64;
    let mean = a.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
    let spread: f64 = a.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum();
    let apart = || a.iter().zip(b).map(|(x, y)| f64::from(*x) - f64::from(*y));
    let squares: f64 = apart().map(|d| d * d).sum();
    let largest = apart().fold(0.0, |largest: f64, d| largest.max(d.abs()));
    // `max` passes over what is no number.
    let largest = if squares.is_finite() { largest } else { f64::INFINITY };
    ((squares / spread.max(f64::MIN_POSITIVE)).sqrt(), largest)
}
