//! Which GPUs a run may use where several share a machine.

use super::trial::Setting;
use crate::cluster::Backend;
use crate::error::{Error, exit};

/// The GPUs of a slot where several runs share a machine; none where nothing is to be shared.
pub fn of(setting: &Setting, index: usize, slots: usize) -> Result<Option<String>, Error> {
    let is_local = setting.cluster.backend == Backend::Local;
    let recipe = setting.sweep.recipe_with(&[])?;
    if slots == 1 || !is_local || recipe.run.device != "cuda" {
        return Ok(None);
    }
    let given = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    share(given.as_deref(), index, setting.cluster.ranks).map(Some)
}

/// The `index`-th part of the GPUs that we may use.
fn share(given: Option<&str>, index: usize, ranks: usize) -> Result<String, Error> {
    let wanted = index * ranks..(index + 1) * ranks;
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        let numbers: Vec<String> = wanted.map(|number| number.to_string()).collect();
        return Ok(numbers.join(","));
    };
    let all: Vec<&str> = given.split(',').collect();
    all.get(wanted.clone()).map(|part| part.join(",")).ok_or_else(|| {
        let message = format!(
            "CUDA_VISIBLE_DEVICES has {} GPUs, but run {} needs those up to the {}th",
            all.len(),
            index + 1,
            wanted.end
        );
        Error::new(exit::DECLARATION, message).hint("lower `parallel`, or let it name more GPUs")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn runs_on_one_machine_have_gpus_of_their_own() {
        let of = |given, index, ranks| share(given, index, ranks).map_err(|it| it.message);
        assert_eq!(of(None, 0, 1).unwrap(), "0");
        assert_eq!(of(None, 2, 2).unwrap(), "4,5");
        assert_eq!(of(Some("3,GPU-a,7"), 1, 1).unwrap(), "GPU-a");
        assert_eq!(of(Some("3,5,7,9"), 1, 2).unwrap(), "7,9");
        assert!(of(Some("3,5,7"), 1, 2).unwrap_err().contains("has 3 GPUs"));
    }
}
