//! The learning rate as a pure function of the step.

use serde::{Deserialize, Serialize};

/// How the rate falls after warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Half a cosine to `final_share` (Hugging Face's `cosine`).
    #[default]
    Cosine,
    /// A line to `final_share`.
    Linear,
    /// It stays.
    Constant,
    /// It stays for `stable` of the steps, then falls on a line (warm-up, stable, decay).
    Wsd,
}

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
            Shape::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
            Shape::Linear => 1.0 - progress,
            Shape::Wsd => ((1.0 - progress) / (1.0 - self.stable).max(1e-9)).min(1.0),
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

    #[test]
    fn cosine_has_its_published_values() {
        let schedule = Schedule {
            peak: 3e-4,
            warmup: 10,
            steps: 110,
            shape: Shape::Cosine,
            stable: 0.0,
            final_share: 0.0,
        };
        assert!((schedule.rate(0) - 3e-5).abs() < 1e-12);
        assert!((schedule.rate(9) - 3e-4).abs() < 1e-12);
        assert!((schedule.rate(60) - 1.5e-4).abs() < 1e-12);
        assert!(schedule.rate(110) < 1e-12);
    }

    #[test]
    fn wsd_stays_then_falls() {
        let schedule = Schedule {
            peak: 1.0,
            warmup: 0,
            steps: 100,
            shape: Shape::Wsd,
            stable: 0.5,
            final_share: 0.0,
        };
        assert_eq!(schedule.rate(49), 1.0);
        assert!((schedule.rate(75) - 0.5).abs() < 1e-9);
    }
}
