//! A parallel corpus made of two declared ones: the same sentences in the same order.

use super::declaration::Declaration;
use super::{Corpus, Row};
use crate::Error;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What a declaration says about the two.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Names of the declarations of source and target; both have the split that is asked for.
    sides: (String, String),
    /// Whether the n-th entity of a source row is that of its target row: both then keep the order of
    /// the files, and an answer lists translations beside each other.
    #[serde(default)]
    pub(super) in_step: bool,
}

impl Options {
    /// Refuses a declaration that names no sides.
    pub(crate) fn check(&self, declaration: &Declaration) -> Result<(), Error> {
        if self.sides.0.is_empty() || !declaration.parallel {
            let message = "the reader `joined` needs `parallel = true` and [options] `sides = [\"SOURCE\", \"TARGET\"]`, the names of two declarations";
            return Err(Error::declaration(&declaration.path, message));
        }
        Ok(())
    }

    /// The declarations of both sides.
    pub(crate) fn load(&self, path: &Path, data_root: &Path) -> Result<[Corpus; 2], Error> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let side = |name: &str| {
            let file: PathBuf = folder.join(format!("{name}.toml"));
            let corpus = Corpus::load(&file, data_root)?;
            match corpus.is_parallel() {
                true => {
                    Err(Error::declaration(path, format!("its side `{name}` is parallel itself")))
                }
                false => Ok(corpus),
            }
        };
        Ok([side(&self.sides.0)?, side(&self.sides.1)?])
    }
}

/// The rows of both sides, one beside the other; rows that do not fit keep their place.
pub(crate) fn pairs(
    path: &Path,
    [source, target]: [&Corpus; 2],
    split: &str,
) -> Result<Vec<(Row, Row)>, Error> {
    let sources = source.rows(source.declaration.split(split)?)?;
    let targets = target.rows(target.declaration.split(split)?)?;
    if sources.len() != targets.len() {
        let message = format!(
            "`{}:{split}` has {} rows and `{}:{split}` {}; sides of a pair have as many",
            source.name(),
            sources.len(),
            target.name(),
            targets.len()
        );
        return Err(Error::declaration(path, message));
    }
    Ok(sources.into_iter().zip(targets).collect())
}
