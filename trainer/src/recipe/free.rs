//! What of a recipe may change between two starts of one run.
//!
//! Everything else is what the run is: a directory that holds a run of another recipe is refused, with the
//! first key that differs.

use toml::{Table, Value};

/// Keys, and why another value of them leaves the run what it is.
pub const FREE: [(&str, &str); 9] = [
    ("run.name", "it names the run directory, and nothing in it"),
    ("run.tensorboard", "it decides what is drawn"),
    ("run.verify", "it decides what is looked at before the first step"),
    (
        "evaluation",
        "it decides what is asked of the model, not what the model learns, without `patience`",
    ),
    ("checkpoint", "it decides when the state is kept, not what the state is"),
    ("guard", "it decides what becomes of a step that goes wrong, from now on"),
    ("memory", "it bounds what a rank may hold; micro-batches stay those that the run began with"),
    ("audit.waive", "a waiver changes no row"),
    ("origins", "where a value was written is not the value"),
];

/// A resolved recipe without what may change.
pub fn fixed(lock: &str) -> Table {
    // The text is our own; what is no table has no keys.
    let mut table: Table = lock.parse().unwrap_or_default();
    for (key, _) in FREE {
        remove(&mut table, key);
    }
    table
}

fn remove(table: &mut Table, key: &str) {
    match key.split_once('.') {
        None => {
            table.remove(key);
        }
        Some((section, key)) => {
            if let Some(Value::Table(inner)) = table.get_mut(section) {
                remove(inner, key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::Recipe;
    use crate::audit::AuditConfig;
    use crate::guard::Policy;
    use crate::recipe::Pause;
    use std::path::Path;

    fn recipe() -> Recipe {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        Recipe::load(&root.join("tests/fixtures/tiny.toml"), &[]).unwrap()
    }

    /// Whether a run of `tests/fixtures/tiny.toml` goes on after this change.
    fn check(goes_on: bool, change: impl FnOnce(&mut Recipe)) {
        let before = recipe();
        let mut now = recipe();
        change(&mut now);
        assert_ne!(before, now, "the change changes nothing");
        assert_eq!(before.trains_like(&now), goes_on);
        assert_eq!(now.trains_like(&before), goes_on);
    }

    #[test]
    fn what_changes_no_lesson_may_change() {
        check(true, |recipe| recipe.run.name = "another".to_owned());
        check(true, |recipe| recipe.evaluation.max_new_tokens += 1);
        check(true, |recipe| recipe.evaluation.during.every = 7);
        check(true, |recipe| recipe.checkpoint.every += 1);
        check(true, |recipe| recipe.checkpoint.keep_best = 3);
        let phase = "instruction".to_owned();
        check(true, |recipe| recipe.checkpoint.pause = Some(Pause { phase, step: 2 }));
        check(true, |recipe| recipe.guard.policy = Policy::Skip);
        check(true, |recipe| recipe.memory.budget_gib = Some(4.0));
        check(true, |recipe| recipe.audit.waive.clear());
        check(true, |recipe| recipe.origins.clear());
    }

    #[test]
    fn a_run_is_paused_within_a_phase_that_it_has() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let paused = |phase: &str, step: usize| {
            let set = format!("checkpoint.pause={{ phase = \"{phase}\", step = {step} }}");
            Recipe::load(&root.join("tests/fixtures/tiny.toml"), &[set])
        };
        let recipe = paused("instruction", 3).unwrap();
        assert_eq!(recipe.checkpoint.pause_in("instruction", 7), Some(3));
        assert_eq!(recipe.checkpoint.pause_in("instruction", 3), None);
        assert_eq!(recipe.checkpoint.pause_in("alignment", 7), None);
        let again: Recipe = toml::from_str(&recipe.to_lock()).unwrap();
        assert_eq!(again.checkpoint, recipe.checkpoint);
        let refused = |phase: &str, step: usize| paused(phase, step).unwrap_err().to_string();
        assert!(refused("instruction", 0).contains("expected at least 1"));
        assert!(refused("later", 1).contains("the phases are schema-understanding, alignment"));
    }

    #[test]
    fn what_is_learned_may_not() {
        check(false, |recipe| recipe.run.seed += 1);
        check(false, |recipe| recipe.run.device = "cuda".to_owned());
        check(false, |recipe| recipe.run.exact_shards = 4);
        check(false, |recipe| recipe.model.hidden_size = Some(64));
        check(false, |recipe| recipe.phase[0].batch.samples += 1);
        check(false, |recipe| recipe.phase[1].optimizer.learning_rate *= 2.0);
        check(false, |recipe| recipe.phase[2].loss.label_smoothing = 0.1);
        check(false, |recipe| recipe.phase[2].prompt.shots = 1);
        check(false, |recipe| {
            recipe.phase.pop();
        });
        check(false, |recipe| {
            recipe.audit = AuditConfig { remove: true, ..recipe.audit.clone() };
        });
    }
}
