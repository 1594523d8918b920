//! How names must be written in the target language: hard terms, and names that stay as they are.

use crate::Error;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// `[glossary]` of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Glossary {
    /// Source name and the only translation that will do.
    pub terms: BTreeMap<String, String>,
    /// Names that stay as the source writes them.
    pub keep: BTreeSet<String>,
    /// Classes whose names stay as the source writes them.
    pub keep_classes: BTreeSet<String>,
    /// More of both: a line a name, and its translation behind a TAB; without one it stays.
    pub file: Option<PathBuf>,
}

impl Glossary {
    /// The same with what `file` says, which lies in `folder`.
    pub fn load(mut self, folder: &Path) -> Result<Self, Error> {
        let Some(file) = self.file.take() else { return Ok(self) };
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).map_err(Error::read(&path))?;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let (name, term) = line.split_once('\t').unwrap_or((line, ""));
            let (name, term) = (name.trim(), term.trim());
            if name.is_empty() || term.contains('\t') {
                let message = "expected a name, a TAB and its translation, or a name alone";
                return Err(Error::data(&path, index + 1, message));
            }
            let known = match term.is_empty() {
                true => !self.keep.insert(name.to_owned()),
                false => self.terms.insert(name.to_owned(), term.to_owned()).is_some(),
            };
            if known {
                let message = format!("`{name}` comes twice; leave one of its lines out");
                return Err(Error::data(&path, index + 1, message));
            }
        }
        Ok(self)
    }

    /// How the name `surface` of `class` must be written; none where that is free.
    pub fn wanted<'a>(&'a self, surface: &'a str, class: &str) -> Option<&'a str> {
        if let Some(term) = self.terms.get(surface) {
            return Some(term);
        }
        let stays = self.keep.contains(surface) || self.keep_classes.contains(class);
        stays.then_some(surface)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_glossary_has_terms_and_names_that_stay() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("g.tsv"), "Vasa\t瓦萨号\n\nIBM\n").unwrap();
        let glossary = Glossary { file: Some("g.tsv".into()), ..Glossary::default() };
        let mut glossary = glossary.load(folder.path()).unwrap();
        glossary.keep_classes.insert("Product".to_owned());
        assert_eq!(glossary.wanted("Vasa", "Ship"), Some("瓦萨号"));
        assert_eq!(glossary.wanted("IBM", "Organization"), Some("IBM"));
        assert_eq!(glossary.wanted("Walnut 5S", "Product"), Some("Walnut 5S"));
        assert_eq!(glossary.wanted("Ann", "Person"), None);
        std::fs::write(folder.path().join("g.tsv"), "Vasa\ta\nVasa\tb\n").unwrap();
        let glossary = Glossary { file: Some("g.tsv".into()), ..Glossary::default() };
        let error = glossary.load(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("g.tsv:2: `Vasa` comes twice; leave one of its lines out"));
    }
}
