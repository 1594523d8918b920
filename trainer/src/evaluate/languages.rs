//! Which languages a recipe's model was trained on, so that scores can tell those from the others.

use super::declaration;
use crate::{Error, Recipe};
use data_pipeline::corpus::Corpus;
use data_pipeline::prepare::Source;
use std::collections::BTreeSet;
use std::path::Path;

/// The languages of every corpus that a phase of `recipe` learns from, both sides of parallel ones.
///
/// What the model had read before the first phase is not the recipe's to say.
pub fn trained_languages(recipe: &Recipe) -> Result<BTreeSet<String>, Error> {
    let mut languages = BTreeSet::new();
    for source in recipe.phase.iter().flat_map(|phase| &phase.datasets) {
        let Source::Corpus { name, .. } = source else { continue };
        let corpus = Corpus::load(&declaration(&recipe.datasets, name), Path::new(""))?;
        match corpus.is_parallel() {
            true => languages.extend(corpus.language().split('-').map(str::to_owned)),
            false => _ = languages.insert(corpus.language().to_owned()),
        }
    }
    Ok(languages)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn phases_speak_for_themselves() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let recipe = Recipe::load(&root.join("tests/fixtures/tiny.toml"), &[]).unwrap();
        let languages = |recipe: &Recipe| -> Vec<String> {
            trained_languages(recipe).unwrap().into_iter().collect()
        };
        assert_eq!(languages(&recipe), ["en", "zh"]);
        let mut english = recipe.clone();
        english.phase.truncate(1);
        assert_eq!(languages(&english), ["en"]);
        // A parallel corpus has two.
        let mut parallel = recipe;
        parallel.phase.drain(..1);
        parallel.phase.truncate(1);
        assert_eq!(languages(&parallel), ["en", "zh"]);
    }
}
