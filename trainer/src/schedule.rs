//! The learning rate as a pure function of the step.
//!
//! Beside transformers' schedulers, which these are held against, one thing differs: there the first step
//! has a rate of 0 and step `s` of the warm-up the share `s / warmup`; here it has `(s + 1) / warmup`, so
//! that no step does nothing. Behind the warm-up they are equal.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How the rate falls after warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Half a cosine to `final_share` (transformers' `cosine`, `cosine_with_min_lr`).
    #[default]
    Cosine,
    /// A line to `final_share` (`linear`).
    Linear,
    /// It stays (`constant_with_warmup`; `constant` where `warmup = 0`).
    #[serde(alias = "constant-with-warmup", alias = "constant_with_warmup")]
    Constant,
    /// It stays for `stable` of the steps, then falls: warm-up, stable, decay (`warmup_stable_decay`).
    #[serde(alias = "warmup_stable_decay")]
    Wsd,
    /// It falls with the root of the step (`inverse_sqrt`).
    #[serde(alias = "inverse_sqrt", alias = "inverse-root")]
    InverseSqrt,
}

/// How the rate falls at the end of [`Shape::Wsd`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// A line.
    #[default]
    Linear,
    /// Steep at first: one minus the root of the progress (arXiv:2405.18392).
    #[serde(rename = "1-sqrt")]
    OneMinusSqrt,
    /// Half a cosine.
    Cosine,
}

impl Decay {
    /// What is left of the rate where `rest` of the steps are still to come.
    fn at(self, rest: f64) -> f64 {
        match self {
            Self::Linear => rest,
            Self::OneMinusSqrt => 1.0 - (1.0 - rest).sqrt(),
            Self::Cosine => 0.5 * (1.0 - (PI * rest).cos()),
        }
    }
}

/// Steps that `inverse-sqrt` falls by where neither a time scale nor a warm-up is given, as in transformers.
const TIMESCALE: usize = 10_000;

/// Warm-up, then a shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The highest rate.
    pub peak: f64,
    /// Steps of linear warm-up.
    pub warmup: usize,
    /// All steps of the phase.
    pub steps: usize,
    /// What follows.
    pub shape: Shape,
    /// Share of the steps before a `wsd` decay begins.
    pub stable: f64,
    /// How it falls then.
    pub decay: Decay,
    /// Steps that `inverse-sqrt` falls by; 0: those of the warm-up.
    pub timescale: usize,
    /// Share of the peak that the last step has.
    pub final_share: f64,
}

impl Schedule {
    /// The factor on the peak rate in `step`, counted from 0.
    pub fn factor(&self, step: usize) -> f64 {
        if step < self.warmup {
            return (step + 1) as f64 / self.warmup as f64;
        }
        let span = self.steps.saturating_sub(self.warmup).max(1) as f64;
        let progress = ((step - self.warmup) as f64 / span).min(1.0);
        let falling = match self.shape {
            Shape::Constant => return 1.0,
            Shape::Cosine => 0.5 * (1.0 + (PI * progress).cos()),
            Shape::Linear => 1.0 - progress,
            Shape::Wsd => {
                self.decay.at(((1.0 - progress) / (1.0 - self.stable).max(1e-9)).min(1.0))
            }
            Shape::InverseSqrt => {
                let timescale = match (self.timescale, self.warmup) {
                    (0, 0) => TIMESCALE,
                    (0, warmup) => warmup,
                    (timescale, _) => timescale,
                } as f64;
                (timescale / ((step - self.warmup) as f64 + timescale)).sqrt()
            }
        };
        self.final_share + (1.0 - self.final_share) * falling
    }

    /// The rate in `step`.
    pub fn rate(&self, step: usize) -> f64 {
        self.peak * self.factor(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(shape: Shape, warmup: usize, steps: usize) -> Schedule {
        Schedule {
            peak: 1.0,
            warmup,
            steps,
            shape,
            stable: 0.5,
            decay: Decay::Linear,
            timescale: 0,
            final_share: 0.0,
        }
    }

    #[test]
    fn cosine_has_its_published_values() {
        let schedule = Schedule { peak: 3e-4, ..schedule(Shape::Cosine, 10, 110) };
        assert!((schedule.rate(0) - 3e-5).abs() < 1e-12);
        assert!((schedule.rate(9) - 3e-4).abs() < 1e-12);
        assert!((schedule.rate(60) - 1.5e-4).abs() < 1e-12);
        assert!(schedule.rate(110) < 1e-12);
    }

    #[test]
    fn wsd_stays_then_falls() {
        let schedule = schedule(Shape::Wsd, 0, 100);
        assert_eq!(schedule.rate(49), 1.0);
        assert!((schedule.rate(75) - 0.5).abs() < 1e-9);
        let steep = Schedule { decay: Decay::OneMinusSqrt, ..schedule };
        assert_eq!(steep.rate(49), 1.0);
        assert!((steep.rate(75) - (1.0 - 0.5f64.sqrt())).abs() < 1e-9);
        assert!(steep.rate(100).abs() < 1e-9);
    }

    #[test]
    fn the_inverse_root_halves_after_three_warm_ups() {
        let schedule = schedule(Shape::InverseSqrt, 10, 1000);
        assert_eq!(schedule.rate(10), 1.0);
        assert!((schedule.rate(40) - 0.5).abs() < 1e-9);
        let slower = Schedule { timescale: 40, ..schedule };
        assert!((slower.rate(130) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn every_schedule_stays_between_its_ends() {
        let shapes =
            [Shape::Cosine, Shape::Linear, Shape::Constant, Shape::Wsd, Shape::InverseSqrt];
        for shape in shapes {
            for decay in [Decay::Linear, Decay::OneMinusSqrt, Decay::Cosine] {
                let schedule = Schedule { decay, final_share: 0.1, ..schedule(shape, 7, 50) };
                let factors: Vec<f64> = (0..60).map(|step| schedule.factor(step)).collect();
                assert!(factors[..8].is_sorted(), "{shape:?}: {factors:?}");
                assert!(factors[7..].is_sorted_by(|a, b| a >= b), "{shape:?}: {factors:?}");
                assert!(factors.iter().all(|it| (0.1..=1.0).contains(it)), "{shape:?}");
            }
        }
    }
}
