//! How names and terms must be written in the target language: hard terms, and what stays as it is.

use crate::corpus::locate;
use crate::{Error, Sentence, Span};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// `[glossary]` of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Glossary {
    /// Source name, or a term of the text, and the only translation that will do.
    pub terms: BTreeMap<String, String>,
    /// Names and terms that stay as the source writes them.
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

/// A term that stands in a sentence beside its names, and how it must be written.
pub type Term<'a> = (&'a str, &'a str);

impl Glossary {
    /// What the glossary knows of the text of `sentence` outside its names.
    pub fn terms_of(&self, sentence: &Sentence) -> Vec<Term<'_>> {
        let spans: Vec<Span> = sentence.entities.iter().filter_map(|it| it.mention.span).collect();
        let is_name = |term: &str| sentence.entities.iter().any(|it| it.mention.text == term);
        let stands = |term: &str| {
            let clear = |(start, end): &(usize, usize)| {
                !spans.iter().any(|span| span.start < *end && *start < span.end)
            };
            // Most terms are not there: to look for words costs more than to look for letters.
            sentence.text.contains(term) && locate::words(&sentence.text, term).iter().any(clear)
        };
        let terms = self.terms.iter().map(|(term, wanted)| (term.as_str(), wanted.as_str()));
        let kept = self.keep.iter().map(|term| (term.as_str(), term.as_str()));
        terms.chain(kept).filter(|(term, _)| !is_name(term) && stands(term)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Entity, Mention};

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

    #[test]
    fn terms_stand_beside_names() {
        let terms = [("steel", "钢"), ("hull", "船体"), ("Vasa", "瓦萨号"), ("ship", "船")];
        let glossary = Glossary {
            terms: terms.map(|(term, wanted)| (term.to_owned(), wanted.to_owned())).into(),
            keep: ["GB/T".to_owned()].into(),
            ..Glossary::default()
        };
        let text = "The Vasa steel works make no steel for a hull: see GB/T 700, flagship.";
        let name = |text: &str, start: usize, end: usize| Entity {
            class: "X".to_owned(),
            mention: Mention::at(text, start, end),
        };
        let sentence = Sentence {
            text: text.to_owned(),
            entities: vec![name("Vasa steel works", 4, 20), name("hull", 41, 45)],
            ..Sentence::default()
        };
        // `Vasa` stands in a name alone, `hull` is one, `ship` is a part of a word.
        assert_eq!(glossary.terms_of(&sentence), [("steel", "钢"), ("GB/T", "GB/T")]);
    }
}
