//! Which datasets a plan names, and what they were read from.

use super::{Kind, PreparePlan};
use crate::corpus::{Corpus, Rest};
use crate::error::Error;
use crate::manifest::{SourceOrigin, sha256_of};
use crate::schema::sha256_hex;
use crate::sentence::{Parallel, Sentence};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The dataset that needs no corpus.
pub(super) const RANDOM_COPY: &str = "random-copy";

/// One dataset of a phase, written `"name"` (its split `train`), `"name:split"` or
/// `"random-copy:samples"`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// A declared corpus.
    Corpus {
        /// The name of its declaration.
        name: String,
        /// The split.
        split: String,
    },
    /// Random tokens to be copied.
    RandomCopy {
        /// How many samples.
        samples: usize,
    },
}

impl std::str::FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = match text.split_once(':') {
            Some((name, rest)) => (name, Some(rest)),
            None => (text, None),
        };
        match rest {
            _ if name == RANDOM_COPY => {
                let samples = rest.and_then(|rest| rest.parse().ok()).filter(|count| *count > 0);
                samples.map(|samples| Self::RandomCopy { samples }).ok_or_else(|| {
                    format!("`{text}` does not say how many samples; write `{RANDOM_COPY}:2000`")
                })
            }
            _ if name.is_empty() || rest == Some("") => {
                Err(format!("`{text}` is not a dataset; write `name` or `name:split`"))
            }
            split => Ok(Self::Corpus {
                name: name.to_owned(),
                split: split.unwrap_or("train").to_owned(),
            }),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Corpus { name, split } => write!(f, "{name}:{split}"),
            Self::RandomCopy { samples } => write!(f, "{RANDOM_COPY}:{samples}"),
        }
    }
}

impl TryFrom<String> for Source {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.to_string()
    }
}

/// The declared corpus of every dataset; none for random copying.
pub(super) fn load(plan: &PreparePlan) -> Result<Vec<Option<Corpus>>, Error> {
    let corpus = |source: &Source| {
        let Source::Corpus { name, .. } = source else { return Ok(None) };
        let declaration = plan.declarations.join(format!("{name}.toml"));
        let corpus = Corpus::load(&declaration, &plan.data_root)?;
        let wrong = |message: &str| Err(Error::declaration(&declaration, message));
        match plan.kind {
            Kind::RandomCopy => wrong("a phase of random copying takes `random-copy:samples` only"),
            Kind::Alignment if !corpus.is_parallel() => {
                wrong("it is not parallel: a phase `alignment` learns from pairs")
            }
            _ => Ok(Some(corpus)),
        }
    };
    plan.datasets.iter().map(corpus).collect()
}

/// What the rows of every dataset are made of.
pub(super) fn origins(
    plan: &PreparePlan,
    corpora: &[Option<Corpus>],
) -> Result<Vec<SourceOrigin>, Error> {
    let origin = |(source, corpus): (&Source, &Option<Corpus>)| {
        let reference = source.to_string();
        let (Source::Corpus { name, split }, Some(corpus)) = (source, corpus) else {
            let none = String::new;
            return Ok(SourceOrigin {
                reference,
                declaration: none(),
                schema: none(),
                bytes: none(),
            });
        };
        let declaration = sha256_of(&plan.declarations.join(format!("{name}.toml")))?;
        let mut bytes = String::new();
        for file in corpus.files(split)?.iter().filter(|file| file.is_file()) {
            bytes += &sha256_of(file)?;
        }
        // A file that is not there is reported by the reader, which knows where to get it.
        let bytes = sha256_hex(bytes.as_bytes());
        Ok(SourceOrigin { reference, declaration, schema: corpus.schema().hash(), bytes })
    };
    plan.datasets.iter().zip(corpora).map(origin).collect()
}

/// Hands on the sentences of `split`, those of both sides of a pair; what does not fit is returned.
pub(super) fn each_sentence(
    plan: &PreparePlan,
    corpus: &Corpus,
    split: &str,
    take: &mut dyn FnMut(Sentence) -> Result<(), Error>,
) -> Result<Rest, Error> {
    if corpus.is_parallel() {
        return each_pair(plan, corpus, split, &mut |pair| {
            sides(pair).into_iter().try_for_each(&mut *take)
        });
    }
    let stays = stays(plan, corpus, split);
    corpus.each(split, &mut |sentence| match stays(&sentence.id) {
        true => take(sentence),
        false => Ok(()),
    })
}

/// Hands on the pairs of `split`; what does not fit is returned.
pub(super) fn each_pair(
    plan: &PreparePlan,
    corpus: &Corpus,
    split: &str,
    take: &mut dyn FnMut(Parallel) -> Result<(), Error>,
) -> Result<Rest, Error> {
    let stays = stays(plan, corpus, split);
    corpus.each_pair(split, &mut |pair| match stays(&side_id(&pair.source))
        && stays(&side_id(&pair.target))
    {
        true => take(pair),
        false => Ok(()),
    })
}

/// Whether the plan keeps the sentence with an id.
fn stays<'a>(
    plan: &'a PreparePlan,
    corpus: &Corpus,
    split: &str,
) -> impl Fn(&str) -> bool + use<'a> {
    let name = format!("{}:{split}", corpus.name());
    // A recipe may name a declaration of another folder by its path; the file has the corpus's name.
    let removed =
        plan.removed.iter().filter(|(named, _)| named.rsplit('/').next() == Some(name.as_str()));
    let removed: Vec<&BTreeSet<String>> = removed.map(|(_, ids)| ids).collect();
    move |id| !removed.iter().any(|ids| ids.contains(id))
}

/// How many sentences of each dataset are left out, and a hash of which.
pub(super) fn removed(plan: &PreparePlan) -> BTreeMap<String, (usize, String)> {
    let named = |source: &Source| {
        let dataset = source.to_string();
        let ids = plan.removed.get(&dataset).filter(|ids| !ids.is_empty())?;
        let listed: String = ids.iter().map(|id| format!("{id}\n")).collect();
        Some((dataset, (ids.len(), sha256_hex(listed.as_bytes()))))
    };
    plan.datasets.iter().filter_map(named).collect()
}

/// What tells one side of a pair from the other.
pub fn side_id(side: &Sentence) -> String {
    format!("{}~{}", side.id, side.language)
}

/// The two sentences of a pair as sentences of their own: their ids tell them apart.
fn sides(pair: Parallel) -> [Sentence; 2] {
    [pair.source, pair.target].map(|mut side| {
        side.id = side_id(&side);
        side
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_word_or_two() {
        let check = |text: &str, expected: &str| {
            let shown = match text.parse::<Source>() {
                Ok(source) => format!("{source:?}"),
                Err(message) => message,
            };
            assert_eq!(shown, expected);
        };
        check("cluener", r#"Corpus { name: "cluener", split: "train" }"#);
        check("cluener:dev", r#"Corpus { name: "cluener", split: "dev" }"#);
        check("random-copy:2000", "RandomCopy { samples: 2000 }");
        check(
            "random-copy",
            "`random-copy` does not say how many samples; write `random-copy:2000`",
        );
        check(
            "random-copy:0",
            "`random-copy:0` does not say how many samples; write `random-copy:2000`",
        );
        check(":dev", "`:dev` is not a dataset; write `name` or `name:split`");
        check("cluener:", "`cluener:` is not a dataset; write `name` or `name:split`");
    }
}
