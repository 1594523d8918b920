//! What happens when a step goes wrong: the loss is not a number, or jumps.

use serde::{Deserialize, Serialize};

/// The `[guard]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardConfig {
    /// What becomes of the run.
    pub policy: Policy,
    /// A loss is a spike from so many standard deviations above the mean of the window on; 0: never.
    pub spike: f64,
    /// So many steps before are looked at.
    pub window: usize,
    /// After so many incidents in a phase the run stops, whatever the policy.
    pub most: usize,
}

/// What becomes of a run whose step went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// It ends; the incident is kept to be replayed.
    #[default]
    Stop,
    /// The step changes nothing, and the ledger says so.
    Skip,
    /// It goes back to its newest checkpoint, and leaves the step out this time.
    Rewind,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self { policy: Policy::Stop, spike: 0.0, window: 50, most: 10 }
    }
}

impl GuardConfig {
    /// Refuses numbers that cannot be.
    pub fn check(&self) -> Result<(), String> {
        if !(self.spike >= 0.0 && self.spike.is_finite()) {
            return Err(format!("guard.spike is {}, expected 0 or more", self.spike));
        }
        if self.spike > 0.0 && self.window < 8 {
            return Err(format!("guard.window is {}, expected at least 8 steps", self.window));
        }
        if self.most == 0 {
            return Err("guard.most is 0, expected at least 1".to_owned());
        }
        Ok(())
    }
}
