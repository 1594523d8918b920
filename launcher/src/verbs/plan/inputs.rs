//! What of a recipe's corpora and weights is here.

use super::{Place, Planned};
use crate::error::Error;
use crate::plan::inputs::{Inputs, Missing, Way, Weights};
use data_pipeline::corpus::{Corpus, fetch};
use data_pipeline::prepare::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use trainer::Recipe;
use trainer::evaluate::{declaration, split};

/// What the run reads of `data_root`, and what of that is missing; `None` where that is no folder of this machine.
pub(super) fn inputs(
    recipe: &Recipe,
    planned: &Planned,
    data_root: &Path,
    place: &Place,
) -> Result<Option<Inputs>, Error> {
    if data_root.to_string_lossy().contains("://") {
        return Ok(None);
    }
    let wanted = wanted(recipe);
    let mut missing = Vec::new();
    for (name, splits) in &wanted {
        let corpus = Corpus::load(&declaration(&recipe.datasets, name), data_root)?;
        missing.extend(lacks(&corpus, splits, data_root)?);
    }
    let shown = data_root.display().to_string();
    let weights = recipe.model.path.as_ref().filter(|path| !path.exists()).map(|path| Weights {
        path: path.display().to_string(),
        bytes: planned.shape.as_ref().map(|shape| 2 * shape.parameters() as u64),
    });
    let device = match place {
        Place::Elsewhere { lacks } => lacks.clone(),
        Place::Here => None,
    };
    Ok(Some(Inputs { weights, device, ..Inputs::new(shown, wanted.len(), missing) }.judged()))
}

/// Corpora that are learned or asked about, each with its splits.
fn wanted(recipe: &Recipe) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in recipe.phase.iter().flat_map(|phase| &phase.datasets) {
        if let Source::Corpus { name, split } = source {
            wanted.entry(name).or_default().insert(split);
        }
    }
    for benchmark in &recipe.evaluation.benchmarks {
        let name = benchmark.dataset.split(':').next().unwrap_or_default();
        wanted.entry(name).or_default().insert(split(&benchmark.dataset, "test"));
    }
    wanted
}

/// What is missing of some splits of a corpus; `None` where nothing is.
fn lacks(
    corpus: &Corpus,
    splits: &BTreeSet<&str>,
    data_root: &Path,
) -> Result<Option<Missing>, Error> {
    let mut absent: BTreeSet<PathBuf> = BTreeSet::new();
    for split in splits {
        absent.extend(corpus.files(split)?.into_iter().filter(|file| !file.exists()));
    }
    if absent.is_empty() {
        return Ok(None);
    }
    // Of what nobody gives out there is no plan.
    let plans = fetch::plans(corpus).unwrap_or_default();
    let known = |file: &PathBuf| {
        let files = plans.iter().flat_map(|plan| &plan.files);
        files.into_iter().find(|it| data_root.join(&it.path) == *file)
    };
    let found: Vec<_> = absent.iter().filter_map(known).collect();
    let way = match (found.len() == absent.len(), plans.iter().all(|plan| plan.open)) {
        (false, _) => Way::Ask,
        (true, false) => Way::Accept,
        (true, true) => Way::Fetch,
    };
    let bytes = if way == Way::Ask { 0 } else { found.iter().map(|file| file.bytes).sum() };
    Ok(Some(Missing {
        corpus: corpus.name().to_owned(),
        files: absent.len(),
        licence: corpus.licence().to_owned(),
        way,
        bytes,
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_can_be_fetched_is_told_from_what_cannot() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/knowcoder-x-7b.toml");
        let recipe = Recipe::load(&path, &[]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let lacks = |name: &str, split: &str| {
            let corpus = Corpus::load(&declaration(&recipe.datasets, name), folder.path()).unwrap();
            lacks(&corpus, &BTreeSet::from([split]), folder.path()).unwrap().unwrap()
        };
        let open = lacks("bc2gm", "dev");
        assert_eq!((open.way, open.bytes, open.files), (Way::Fetch, 577_659, 1));
        // Its first sentences were cut out of a larger file.
        assert_eq!((lacks("bc2gm", "test").way, lacks("ace04", "train").way), (Way::Ask, Way::Ask));
        assert_eq!(lacks("wikineural-en", "dev").way, Way::Accept);
        let wanted = wanted(&recipe);
        assert!(wanted["bc2gm"].len() == 2 && wanted.contains_key("masakhaner2-zul"));
    }
}
