//! The tokenizer that a person names: by its file, by a folder that holds it, or by a recipe.

use crate::cli::DataRoot;
use crate::error::Error;
use crate::store;
use data_pipeline::tokenizer::Tokenizer;
use std::path::Path;
use trainer::Recipe;

/// Reads the tokenizer of `path`: `tokenizer.model`, `tokenizer.json`, the directory of one of them,
/// of a run or of a checkpoint, or a recipe, whose vocabulary is trained if it says so.
pub fn tokenizer(path: &Path, data: &DataRoot) -> Result<Tokenizer, Error> {
    if path.extension().is_some_and(|extension| extension == "toml") {
        let recipe = Recipe::load(path, &[])?;
        let data_root = store::data_root(data, || store::of_recipe(&recipe, |_| true))?;
        return Ok(trainer::prepare::vocabulary(&recipe, &data_root)?);
    }
    let of_run = path.join("tokenizer");
    Ok(Tokenizer::load(if of_run.is_dir() { &of_run } else { path })?)
}
