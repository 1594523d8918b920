//! Declared counts held against what the files hold; `knowcoder data validate`.

use super::declaration::Split;
use super::{Corpus, Counts, Found, Quarantined};
use crate::{Error, Sentence};
use serde::Serialize;
use std::collections::BTreeMap;

/// What became of one split.
#[derive(Clone, Debug, Serialize)]
pub struct SplitCheck {
    /// Its name.
    pub split: String,
    /// Whether it may be used.
    pub ok: bool,
    /// What the files hold.
    pub found: Counts,
    /// Where that is not what was declared.
    pub differences: Vec<Difference>,
    /// Rows that may go to quarantine.
    pub misfits_declared: usize,
    /// Rows that do.
    pub quarantined: Vec<Quarantined>,
    /// Annotations by original label or role, where the declaration drops it.
    pub dropped: BTreeMap<String, usize>,
    /// Whether its files are not on this machine.
    pub absent: bool,
    /// Why it cannot be used.
    pub error: Option<String>,
    /// What a program ends with that needs it.
    #[serde(skip)]
    pub exit_code: u8,
}

/// A count that is not the declared one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `sentences`, `entities`, `relations` or `events`.
    pub what: &'static str,
    /// The declaration's number.
    pub declared: usize,
    /// The files' number.
    pub found: usize,
    /// Byte of the declaration at which its number stands.
    #[serde(skip)]
    pub(crate) at: usize,
}

/// Reads every split of `corpus` and compares; a split that cannot be read does not hide the next.
pub fn validate(corpus: &Corpus) -> Vec<SplitCheck> {
    validate_seeing(corpus, &mut |_, _| {})
}

/// As [`validate`]; `see` is shown each sentence with the name of its split, those of wrong splits too.
pub fn validate_seeing(corpus: &Corpus, see: &mut dyn FnMut(&str, &Sentence)) -> Vec<SplitCheck> {
    let splits = corpus.declaration.splits.iter();
    splits.map(|(name, split)| check(corpus, name, split, see)).collect()
}

fn check(
    corpus: &Corpus,
    name: &str,
    split: &Split,
    see: &mut dyn FnMut(&str, &Sentence),
) -> SplitCheck {
    let mut check = SplitCheck {
        split: name.to_owned(),
        ok: false,
        found: Counts::default(),
        differences: Vec::new(),
        misfits_declared: split.misfits,
        quarantined: Vec::new(),
        dropped: BTreeMap::new(),
        absent: corpus.files(name).is_ok_and(|files| files.iter().any(|file| !file.exists())),
        error: None,
        exit_code: 0,
    };
    let found = match corpus.declaration.parallel {
        true => corpus.found_pairs(name, split, &mut |pair| {
            see(name, &pair.source);
            see(name, &pair.target);
            Ok(())
        }),
        false => corpus.found(name, split, &mut |sentence| {
            see(name, &sentence);
            Ok(())
        }),
    };
    let verdict = check.take(corpus, split, found);
    check.ok = verdict.is_ok();
    if let Err(error) = verdict {
        (check.error, check.exit_code) = (Some(error.to_string()), error.exit_code());
    }
    check
}

impl SplitCheck {
    /// Notes what was found, and says whether it is what was declared.
    fn take(
        &mut self,
        corpus: &Corpus,
        split: &Split,
        found: Result<Found, Error>,
    ) -> Result<(), Error> {
        let found = found?;
        let verdict = corpus.accept(&self.split, split, &found);
        self.differences = differences(split, found.counts);
        self.found = found.counts;
        (self.quarantined, self.dropped) = (found.quarantined, found.dropped);
        verdict
    }
}

/// The declared counts that `found` does not have.
pub(crate) fn differences(split: &Split, found: Counts) -> Vec<Difference> {
    let pairs = [
        ("sentences", &split.sentences, found.sentences),
        ("entities", &split.entities, found.entities),
        ("relations", &split.relations, found.relations),
        ("events", &split.events, found.events),
    ];
    let differs = |(what, declared, found): (_, &Option<toml::Spanned<usize>>, _)| {
        let declared = declared.as_ref().filter(|declared| *declared.get_ref() != found)?;
        let (at, declared) = (declared.span().start, *declared.get_ref());
        Some(Difference { what, declared, found, at })
    };
    pairs.into_iter().filter_map(differs).collect()
}
