//! The file of an ablation: one recipe, and what its variants say otherwise.
//!
//! A variant is nothing but values of the recipe, so that `knowcoder run BASE --set …` does the same.

use data_pipeline::Error;
use data_pipeline::error::nearest;
use data_pipeline::score::Protocol;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use toml::Table;

/// Keys of a recipe that an ablation decides itself.
const OURS: [&str; 2] = ["run.seed", "run.name"];

/// A question with its answers in place of options.
#[derive(Clone, Debug, PartialEq)]
pub struct Ablation {
    /// The name of its file, without the ending.
    pub name: String,
    /// In a few words.
    pub title: String,
    /// In a sentence or two.
    pub question: String,
    /// What is known of it.
    pub expects: String,
    /// The recipe that all variants change.
    pub base: PathBuf,
    /// Each variant is trained with each of them.
    pub seeds: Vec<u64>,
    /// How answers are counted.
    pub protocol: Protocol,
    /// Languages that are trained on; the others are unseen. Empty: not said.
    pub seen: Vec<String>,
    /// Two at least, unless fewer were asked for; the others are compared with the first.
    pub variants: Vec<Variant>,
    /// Whether this is the small form that only shows that all of it runs.
    pub is_smoke: bool,
}

/// A set of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Short, as a directory has it.
    pub name: String,
    /// In a few words.
    pub about: String,
    /// Jobs of `data parallel` that must have been done.
    pub jobs: Vec<PathBuf>,
    /// `a.b=c`, as `--set` takes them.
    pub sets: Vec<String>,
}

/// What of a file is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice<'a> {
    /// Its small form.
    pub smoke: bool,
    /// These variants; all where empty.
    pub variants: &'a [String],
    /// More values, for all variants.
    pub sets: &'a [String],
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    question: String,
    expects: String,
    base: PathBuf,
    seeds: Vec<u64>,
    #[serde(default)]
    protocol: Protocol,
    #[serde(default)]
    seen: Vec<String>,
    #[serde(default)]
    set: Table,
    variant: Vec<VariantFile>,
    smoke: Option<SmokeFile>,
}

/// `[[variant]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariantFile {
    name: String,
    about: String,
    #[serde(default)]
    set: Table,
    /// In place of `set` where it is small.
    smoke: Option<Table>,
    #[serde(default)]
    jobs: Vec<PathBuf>,
}

/// `[smoke]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SmokeFile {
    base: Option<PathBuf>,
    seeds: Option<Vec<u64>>,
    seen: Option<Vec<String>>,
    /// In place of the file's own `set`.
    #[serde(default)]
    set: Table,
}

impl Ablation {
    /// Reads the file at `path`.
    pub fn load(path: &Path, choice: Choice<'_>) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Error::declaration(path, "there is no such ablation; configs/ablations/ has some")
            }
            _ => Error::read(path)(error),
        })?;
        Self::parse(&text, path, choice)
    }

    /// Reads the text of such a file; what it names lies beside `path`.
    fn parse(text: &str, path: &Path, choice: Choice<'_>) -> Result<Self, Error> {
        let file: File = toml::from_str(text).map_err(|error| Error::toml(path, text, &error))?;
        let wrong = |message: String| Error::declaration(path, message);
        let folder = path.parent().unwrap_or(Path::new(""));
        let smoke = match (choice.smoke, file.smoke) {
            (false, _) => None,
            (true, Some(smoke)) => Some(smoke),
            (true, None) => {
                return Err(wrong(
                    "--smoke, but it has no [smoke]: say what is small there".into(),
                ));
            }
        };
        let is_smoke = smoke.is_some();
        let common = smoke.as_ref().map_or(&file.set, |smoke| &smoke.set);
        let of_file = |variant: VariantFile| {
            let own = variant.smoke.as_ref().filter(|_| is_smoke).unwrap_or(&variant.set);
            // A variant is more particular than what all have.
            let common = common.iter().filter(|(key, _)| !own.contains_key(*key));
            let sets = common.chain(own).map(|(key, value)| format!("{key}={value}"));
            Variant {
                sets: sets.chain(choice.sets.iter().cloned()).collect(),
                jobs: match is_smoke {
                    true => Vec::new(),
                    false => variant.jobs.iter().map(|job| folder.join(job)).collect(),
                },
                name: variant.name,
                about: variant.about,
            }
        };
        let variants: Vec<Variant> = file.variant.into_iter().map(of_file).collect();
        let (base, seeds, seen) = match smoke {
            None => (file.base, file.seeds, file.seen),
            Some(smoke) => (
                smoke.base.unwrap_or(file.base),
                smoke.seeds.unwrap_or(file.seeds),
                smoke.seen.unwrap_or(file.seen),
            ),
        };
        let ablation = Self {
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            title: file.title,
            question: file.question,
            expects: file.expects,
            base: folder.join(base),
            seeds,
            protocol: file.protocol,
            seen,
            variants,
            is_smoke,
        };
        ablation.check().map_err(wrong)?;
        ablation.only(choice.variants).map_err(wrong)
    }

    /// Refuses what each key allows but all together cannot mean.
    fn check(&self) -> Result<(), String> {
        if self.variants.len() < 2 {
            let count = self.variants.len();
            return Err(format!("it has {count} [[variant]], expected 2 at least to compare"));
        }
        if self.seeds.is_empty() {
            return Err("`seeds` is empty; name one at least".to_owned());
        }
        let distinct: BTreeSet<u64> = self.seeds.iter().copied().collect();
        if distinct.len() < self.seeds.len() {
            return Err(format!("`seeds` has one twice: {:?}", self.seeds));
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        for (index, Variant { name, sets, .. }) in self.variants.iter().enumerate() {
            if name.is_empty() || !name.chars().all(plain) {
                return Err(format!(
                    "`name = \"{name}\"` names a directory: small letters, digits and -"
                ));
            }
            if self.variants[..index].iter().any(|earlier| earlier.name == *name) {
                return Err(format!("two variants are called `{name}`; rename one"));
            }
            let keys = || sets.iter().filter_map(|set| Some(set.split_once('=')?.0));
            if let Some(key) = keys().find(|key| OURS.contains(key)) {
                return Err(format!(
                    "variant `{name}` sets `{key}`, which an ablation decides itself: write `seeds`"
                ));
            }
        }
        Ok(())
    }

    /// With these variants only.
    fn only(mut self, names: &[String]) -> Result<Self, String> {
        if names.is_empty() {
            return Ok(self);
        }
        let known: Vec<&str> = self.variants.iter().map(|it| it.name.as_str()).collect();
        if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
            let way_out = match nearest(unknown, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has `{}`", known.join("`, `")),
            };
            return Err(format!("no variant `{unknown}`; {way_out}"));
        }
        self.variants.retain(|variant| names.contains(&variant.name));
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
