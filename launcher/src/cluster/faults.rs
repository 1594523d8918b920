//! `[faults]`: what becomes of a run when something fails.

use serde::{Deserialize, Serialize};

/// What becomes of a run when something fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// So many failures within [`window`](Self::window) seconds are recovered from; one more ends the run.
    /// Preemptions and time limits do not count.
    pub max_failures: usize,
    /// Seconds after which a failure is forgotten.
    pub window: u64,
    /// What replaces a node that is lost.
    pub on_node_loss: OnNodeLoss,
    /// A node that caused so many failures takes no part any more.
    pub cordon_after: usize,
    /// Seconds that a node may work on without hearing from the coordinator.
    pub lease: u64,
    /// Seconds without a step, a batch of answers or a read byte after which a run is taken to hang; 0: never.
    pub hang: u64,
}

/// What replaces a node that is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnNodeLoss {
    /// A spare; where there is none, the node itself, when it comes back.
    #[default]
    Spare,
    /// The node itself, when it comes back.
    Restart,
    /// The scheduler starts the job again, elsewhere.
    Requeue,
    /// Nothing: the run ends.
    Stop,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            max_failures: 3,
            window: 3600,
            on_node_loss: OnNodeLoss::Spare,
            cordon_after: 2,
            lease: 10,
            hang: 1800,
        }
    }
}

impl Faults {
    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: u64, range: std::ops::RangeInclusive<u64>| {
            if range.contains(&value) {
                return Ok(());
            }
            let (least, most) = range.into_inner();
            Err(format!("faults.{name} is {value}; it must be between {least} and {most}"))
        };
        within("lease", self.lease, 1..=3600)?;
        within("window", self.window, 1..=604_800)?;
        within("hang", self.hang, 0..=604_800)?;
        within("cordon_after", self.cordon_after as u64, 1..=1000)
    }
}
