//! How the next token is chosen: the likeliest, or one drawn from what is left of the distribution.
//!
//! Definitions and order are those of transformers (`generation/logits_process.py`): mask, repetition
//! penalty, then, only if tokens are drawn, temperature, top-k, top-p, min-p. A draw is a pure function
//! of (seed, stream, position): what else is generated at the time does not change it.

use super::mask::Mask;
use crate::Error;
use serde::{Deserialize, Serialize};

/// How tokens are chosen; by default the likeliest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sampling {
    /// What logits are divided by before a token is drawn; 0: the likeliest is taken.
    pub temperature: f64,
    /// Only the so many likeliest, and what is as likely as the last of them; 0: all.
    pub top_k: usize,
    /// Only the likeliest that together have this probability, at least one; 1: all.
    pub top_p: f64,
    /// Only what has this part of the likeliest token's probability; 0: all.
    pub min_p: f64,
    /// Logits of ids that stand in prompt or answer are divided by it, negative ones multiplied; 1: no
    /// penalty.
    pub repetition_penalty: f64,
    /// Decides the draws.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            seed: 0,
        }
    }
}

/// An id and what is left of its logit.
type Candidate = (u32, f32);

impl Sampling {
    /// Refuses what cannot be, and what would have no effect.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |message: String| Err(Error::Config(message));
        let (temperature, penalty) = (self.temperature, self.repetition_penalty);
        if !(temperature.is_finite() && temperature >= 0.0) {
            return wrong(format!("temperature is {temperature}, expected 0 or more"));
        }
        if !(penalty.is_finite() && penalty > 0.0) {
            return wrong(format!("repetition_penalty is {penalty}, expected more than 0"));
        }
        for (name, value) in [("top_p", self.top_p), ("min_p", self.min_p)] {
            if !(0.0..=1.0).contains(&value) {
                return wrong(format!("{name} is {value}, expected 0 to 1"));
            }
        }
        if temperature == 0.0 && (self.top_k > 0 || self.top_p < 1.0 || self.min_p > 0.0) {
            return wrong(
                "top_k, top_p and min_p have no effect at temperature 0, which takes the likeliest token; set temperature = 1".into(),
            );
        }
        Ok(())
    }

    /// Whether the likeliest token is taken as the logits stand.
    pub fn is_plain(&self) -> bool {
        self.temperature == 0.0 && self.repetition_penalty == 1.0
    }

    /// What may come next, by id, with probabilities that sum to 1; empty if nothing is allowed.
    ///
    /// `seen` are the ids of prompt and answer, for the penalty; `allowed` those that may come, all
    /// where absent.
    pub fn distribution(
        &self,
        logits: &[f32],
        seen: Option<&Mask>,
        allowed: Option<&Mask>,
    ) -> Vec<(u32, f64)> {
        let mut left = self.penalised(logits, seen, allowed);
        if self.temperature == 0.0 {
            return likeliest(&left).map(|id| (id, 1.0)).into_iter().collect();
        }
        left.iter_mut().for_each(|(_, score)| *score /= self.temperature as f32);
        top_k(&mut left, self.top_k);
        top_p(&mut left, self.top_p);
        min_p(&mut left, self.min_p);
        let weights = weights(&left);
        let sum: f64 = weights.iter().sum();
        left.iter().zip(weights).map(|((id, _), weight)| (*id, weight / sum)).collect()
    }

    /// The token at `position` of the answer `stream`; none if nothing is allowed.
    pub fn choose(
        &self,
        logits: &[f32],
        seen: Option<&Mask>,
        allowed: Option<&Mask>,
        (stream, position): (u64, usize),
    ) -> Option<u32> {
        let distribution = self.distribution(logits, seen, allowed);
        let mut left = uniform(self.seed, stream, position as u64);
        for (id, probability) in &distribution {
            left -= probability;
            if left < 0.0 {
                return Some(*id);
            }
        }
        // Rounding may leave a crumb: it is the last token's.
        distribution.last().map(|(id, _)| *id)
    }

    /// What is allowed, by id, after the penalty.
    fn penalised(
        &self,
        logits: &[f32],
        seen: Option<&Mask>,
        allowed: Option<&Mask>,
    ) -> Vec<Candidate> {
        let penalty = self.repetition_penalty as f32;
        let punished = |id: u32| penalty != 1.0 && seen.is_some_and(|seen| seen.contains(id));
        (0u32..)
            .zip(logits)
            .filter(|(id, score)| {
                **score > f32::NEG_INFINITY && allowed.is_none_or(|mask| mask.contains(*id))
            })
            .map(|(id, score)| match (punished(id), *score < 0.0) {
                (false, _) => (id, *score),
                (true, true) => (id, score * penalty),
                (true, false) => (id, score / penalty),
            })
            .collect()
    }
}

/// The likeliest; of several that are as likely, that with the lowest id.
fn likeliest(left: &[Candidate]) -> Option<u32> {
    let mut best: Option<Candidate> = None;
    for (id, score) in left {
        if best.is_none_or(|(_, most)| *score > most) {
            best = Some((*id, *score));
        }
    }
    best.map(|(id, _)| id)
}

fn top_k(left: &mut Vec<Candidate>, k: usize) {
    if k == 0 || k >= left.len() {
        return;
    }
    let mut scores: Vec<f32> = left.iter().map(|(_, score)| *score).collect();
    let (_, least, _) = scores.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    let least = *least;
    left.retain(|(_, score)| *score >= least);
}

/// Drops the unlikeliest, as many as together have at most `1 - p`.
fn top_p(left: &mut Vec<Candidate>, p: f64) {
    if p >= 1.0 || left.len() < 2 {
        return;
    }
    let weights = weights(left);
    let room = (1.0 - p) * weights.iter().sum::<f64>();
    // What is below the mean share of the room goes anyhow, whatever its order: few are left to sort.
    let surely = room / left.len() as f64;
    let mut dropped: f64 = weights.iter().filter(|weight| **weight < surely).sum();
    let mut order: Vec<usize> = (0..left.len()).filter(|i| weights[*i] >= surely).collect();
    // Of equals the higher id goes first.
    order.sort_unstable_by(|a, b| weights[*a].total_cmp(&weights[*b]).then(b.cmp(a)));
    let mut keep = vec![false; left.len()];
    for (rank, i) in order.iter().enumerate() {
        dropped += weights[*i];
        keep[*i] = dropped > room || rank + 1 == order.len();
    }
    let mut kept = keep.into_iter();
    left.retain(|_| kept.next().unwrap_or(false));
}

fn min_p(left: &mut Vec<Candidate>, p: f64) {
    if p > 0.0 {
        let weights = weights(left);
        let mut weights = weights.into_iter();
        // The likeliest has the weight 1.
        left.retain(|_| weights.next().is_some_and(|weight| weight >= p));
    }
}

/// Probabilities relative to the likeliest.
fn weights(left: &[Candidate]) -> Vec<f64> {
    let most = left.iter().map(|(_, score)| *score).fold(f32::NEG_INFINITY, f32::max);
    left.iter().map(|(_, score)| f64::from(score - most).exp()).collect()
}

/// A number in [0, 1) that depends on all three, and on nothing else.
fn uniform(seed: u64, stream: u64, position: u64) -> f64 {
    let mut bits = 0;
    for part in [seed, stream, position] {
        // SplitMix64's output function (Steele, Lea & Flood 2014).
        let mut z = (bits ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits = z ^ (z >> 31);
    }
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LOGITS: [f32; 6] = [1.0, 3.0, -2.0, 3.0, 0.0, 2.0];

    fn drawn() -> Sampling {
        Sampling { temperature: 1.0, ..Sampling::default() }
    }

    fn left(sampling: &Sampling, seen: &[u32], allowed: Option<&[u32]>) -> Vec<u32> {
        let seen = Mask::of(LOGITS.len(), seen);
        let allowed = allowed.map(|ids| Mask::of(LOGITS.len(), ids));
        let distribution = sampling.distribution(&LOGITS, Some(&seen), allowed.as_ref());
        let sum: f64 = distribution.iter().map(|(_, probability)| probability).sum();
        assert!(distribution.is_empty() || (sum - 1.0).abs() < 1e-12, "{sum}");
        distribution.into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn ties_go_to_the_lowest_id_and_nothing_allowed_is_nothing() {
        let greedy = Sampling::default();
        assert_eq!(left(&greedy, &[], None), [1]);
        assert_eq!(left(&greedy, &[], Some(&[2, 3, 5])), [3]);
        assert_eq!(left(&greedy, &[], Some(&[])), [0; 0]);
        assert_eq!(greedy.choose(&LOGITS, None, Some(&Mask::new(6)), (0, 0)), None);
        // A penalty moves the choice, and pushes negative logits further down.
        let penalty = Sampling { repetition_penalty: 4.0, ..Sampling::default() };
        assert_eq!(left(&penalty, &[1, 3], None), [5]);
        assert_eq!(left(&penalty, &[2, 4], Some(&[2, 4])), [4]);
    }

    #[test]
    fn what_is_left_to_draw_from() {
        assert_eq!(left(&Sampling { top_k: 3, ..drawn() }, &[], None), [1, 3, 5]);
        // Equal to the last of the k likeliest: kept, as in transformers.
        assert_eq!(left(&Sampling { top_k: 1, ..drawn() }, &[], None), [1, 3]);
        assert_eq!(left(&Sampling { top_k: 99, ..drawn() }, &[], None).len(), 6);
        assert_eq!(left(&Sampling { top_p: 0.7, ..drawn() }, &[], None), [1, 3]);
        assert_eq!(left(&Sampling { top_p: 0.8, ..drawn() }, &[], None), [1, 3, 5]);
        // At least one, and of equals that with the lower id.
        assert_eq!(left(&Sampling { top_p: 0.0, ..drawn() }, &[], None), [1]);
        assert_eq!(left(&Sampling { min_p: 0.3, ..drawn() }, &[], None), [1, 3, 5]);
        assert_eq!(left(&Sampling { min_p: 1.0, ..drawn() }, &[], None), [1, 3]);
    }

    #[test]
    fn draws_follow_the_distribution_and_depend_on_all_that_they_are_for() {
        let sampling = Sampling { top_p: 0.95, seed: 5, ..drawn() };
        let distribution = sampling.distribution(&LOGITS, None, None);
        let draws = 20_000;
        let mut counts = [0usize; LOGITS.len()];
        for stream in 0..draws {
            counts[sampling.choose(&LOGITS, None, None, (stream, 3)).unwrap() as usize] += 1;
        }
        for (id, probability) in &distribution {
            let share = counts[*id as usize] as f64 / draws as f64;
            // Four deviations of a share of 20,000 draws are below 0.015.
            assert!((share - probability).abs() < 0.015, "{id}: {share}, expected {probability}");
        }
        let kept: usize = distribution.iter().map(|(id, _)| counts[*id as usize]).sum();
        assert_eq!(kept, draws as usize);
        let of = |seed, stream, position: usize| {
            let sampling = Sampling { seed, ..sampling.clone() };
            let draw =
                |i: usize| sampling.choose(&LOGITS, None, None, (stream, position + i)).unwrap();
            (0..40).map(draw).collect::<Vec<u32>>()
        };
        let base = of(1, 2, 3);
        assert_eq!(base, of(1, 2, 3));
        for other in [of(2, 2, 3), of(1, 3, 3), of(1, 2, 100), of(2, 1, 3)] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let check = |sampling: Sampling, expected: &str| {
            let error = sampling.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(Sampling { temperature: -1.0, ..drawn() }, "temperature is -1, expected 0 or more");
        check(Sampling { temperature: f64::NAN, ..drawn() }, "temperature is NaN");
        check(Sampling { top_p: 1.5, ..drawn() }, "top_p is 1.5, expected 0 to 1");
        check(Sampling { repetition_penalty: 0.0, ..drawn() }, "repetition_penalty is 0");
        check(Sampling { top_k: 4, ..Sampling::default() }, "no effect at temperature 0");
        Sampling::default().check().unwrap();
    }
}
