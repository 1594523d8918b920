//! What may be fetched of a corpus, and whether a file is the one that was declared.
//!
//! Nothing here speaks to a network: a declaration becomes a plan, and a file is held against its
//! checksum. The launcher downloads.

use super::Corpus;
use super::declaration::{Declaration, Reader, Root};
use crate::Error;
use crate::manifest::sha256_of;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

/// `[fetch]` of a declaration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fetch {
    /// Whether the licence lets anybody use the corpus for anything; otherwise it must be accepted.
    open: bool,
    /// What its source gives out.
    #[serde(default)]
    files: Vec<Remote>,
    /// Files that are nowhere to be had, as they were made of others: name and how.
    #[serde(default)]
    made: BTreeMap<String, String>,
}

/// A file at its source.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// Its name below the data root.
    pub path: String,
    /// Where it is, at a commit that does not change.
    pub url: String,
    /// How long it is; a source that sends more is cut off.
    pub bytes: u64,
    /// Of its content, in lower-case hexadecimal.
    pub sha256: String,
}

/// What can be fetched of one corpus.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Its name.
    pub dataset: String,
    /// Its licence, in words.
    pub licence: String,
    /// Where it comes from.
    pub origin: String,
    /// Whether nothing needs to be accepted.
    pub open: bool,
    /// What its source gives out.
    pub files: Vec<Remote>,
    /// Files that cannot be fetched, and how they were made.
    pub made: BTreeMap<String, String>,
}

/// What lies where a file should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Absent,
    /// The file.
    Present,
    /// Another one.
    Other,
}

impl Remote {
    /// What lies below `data_root` under its name.
    pub fn state(&self, data_root: &Path) -> Result<State, Error> {
        let path = data_root.join(&self.path);
        if !path.exists() {
            return Ok(State::Absent);
        }
        Ok(if self.is(&path)? { State::Present } else { State::Other })
    }

    /// Whether the file at `path` has its length and checksum.
    pub fn is(&self, path: &Path) -> Result<bool, Error> {
        let length = std::fs::metadata(path).map_err(Error::read(path))?.len();
        Ok(length == self.bytes && sha256_of(path)? == self.sha256)
    }

    /// Whether it comes from this very machine, as in tests.
    pub fn is_local(&self) -> bool {
        is_local(&self.url)
    }
}

/// What must be fetched for `corpus`: its own files, and those of corpora that it is made of.
pub fn plans(corpus: &Corpus) -> Result<Vec<Plan>, Error> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    collect(corpus, &mut found, &mut seen)?;
    Ok(found)
}

fn collect(
    corpus: &Corpus,
    found: &mut Vec<Plan>,
    seen: &mut BTreeSet<String>,
) -> Result<(), Error> {
    let declaration = &corpus.declaration;
    if !seen.insert(declaration.name.clone()) {
        return Ok(());
    }
    match (&declaration.fetch, &declaration.reader) {
        (Some(fetch), _) => found.push(Plan {
            dataset: declaration.name.clone(),
            licence: declaration.licence.clone(),
            origin: declaration.origin.clone(),
            open: fetch.open,
            files: fetch.files.clone(),
            made: fetch.made.clone(),
        }),
        // It has no file of its own.
        (None, Reader::Joined(_)) => {}
        (None, _) => return Err(refusal(declaration)),
    }
    match &declaration.reader {
        Reader::Joined(options) => {
            for side in &options.load(&declaration.path, &corpus.data_root)? {
                collect(side, found, seen)?;
            }
        }
        Reader::Translations(options) => {
            for (side, _) in &options.load(&declaration.path, &corpus.data_root)? {
                collect(side, found, seen)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Why a corpus without `[fetch]` is not fetched, and what to do.
fn refusal(declaration: &Declaration) -> Error {
    let name = &declaration.name;
    let message = match declaration.root {
        Root::Configs => format!("`{name}` is part of the repository: there is nothing to fetch"),
        Root::Data => format!(
            "`{name}` may not be fetched for you: its licence is \"{}\". Get it from {} and lay its files below the data root as the head of this declaration says",
            declaration.licence, declaration.origin
        ),
    };
    Error::declaration(&declaration.path, message)
}

impl Fetch {
    /// Refuses what cannot be fetched safely, or says nothing about a file that a split names.
    pub(crate) fn check(&self, declaration: &Declaration) -> Result<(), Error> {
        if declaration.root == Root::Configs {
            return Err(refuse(declaration, "[fetch]", "is for files below the data root"));
        }
        if self.open && declaration.licence.contains("-NC") {
            let message = "is non-commercial: write `open = false`, so that it must be accepted";
            return Err(refuse(declaration, &declaration.licence, message));
        }
        let mut known: BTreeSet<&str> = self.made.keys().map(String::as_str).collect();
        for file in &self.files {
            self.check_file(declaration, file)?;
            if !known.insert(&file.path) {
                return Err(refuse(declaration, &file.path, "is in [fetch] twice"));
            }
        }
        let mut named = declaration.splits.values().flat_map(|split| &split.files);
        match named.find(|name| !name.contains('*') && !known.contains(name.as_str())) {
            Some(name) => {
                let message = "is neither in `files` of [fetch] nor in [fetch.made]";
                Err(refuse(declaration, name, message))
            }
            None => Ok(()),
        }
    }

    fn check_file(&self, declaration: &Declaration, file: &Remote) -> Result<(), Error> {
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        let path = Path::new(&file.path);
        let fault = if file.path.is_empty() || !path.components().all(plain) {
            "is no name below the data root: it may not be absolute or hold `..`"
        } else if !file.url.starts_with("https://") && !is_local(&file.url) {
            "has a `url` that does not begin with https://"
        } else if file.sha256.len() != 64 || !file.sha256.bytes().all(is_lower_hex) {
            "has a `sha256` that is not 64 digits of 0-9 and a-f"
        } else if file.bytes == 0 {
            "has `bytes = 0`; write its length"
        } else {
            return Ok(());
        };
        Err(refuse(declaration, &file.path, fault))
    }
}

/// An error at the first place where `what` stands in the declaration.
fn refuse(declaration: &Declaration, what: &str, message: &str) -> Error {
    let byte = declaration.text.find(what).unwrap_or(0);
    declaration.error_at(byte, format!("`{what}` {message}"))
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// Whether a URL without TLS leads to this machine.
fn is_local(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.split(':').next().unwrap_or_default();
    host == "localhost" || host == "127.0.0.1"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Loads a declaration with this `[fetch]`.
    fn load(licence: &str, fetch: &str) -> Result<Vec<Plan>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "name = \"tiny\"\ntask = [\"ner\"]\nlanguage = \"en\"\nlicence = \"{licence}\"\n\
             source = \"nowhere\"\nschema = \"tiny.py\"\nreader = \"columns\"\n\n\
             [splits.test]\nfiles = [\"tiny/test.txt\"]\n\n{fetch}"
        );
        let class =
            "class Person(Entity):\n    \"\"\"\n    Description: A human being.\n    \"\"\"\n";
        std::fs::write(folder.path().join("tiny.py"), class).unwrap();
        let path = folder.path().join("tiny.toml");
        std::fs::write(&path, text).unwrap();
        plans(&Corpus::load(&path, folder.path())?)
    }

    fn file(path: &str, url: &str, bytes: u64, sha256: &str) -> String {
        format!(
            "[fetch]\nopen = true\nfiles = [\n    {{ path = \"{path}\", url = \"{url}\", bytes = {bytes}, sha256 = \"{sha256}\" }},\n]\n"
        )
    }

    #[test]
    fn a_plan_is_what_was_declared() {
        let sum = "0".repeat(64);
        let plans = load("MIT", &file("tiny/test.txt", "https://x.org/a", 3, &sum)).unwrap();
        assert_eq!(plans.len(), 1);
        assert_eq!((plans[0].open, plans[0].files[0].bytes), (true, 3));
        assert!(!plans[0].files[0].is_local());
    }

    #[test]
    fn wrong_plans_are_refused_with_their_place() {
        let sum = "0".repeat(64);
        let good = "https://x.org/a";
        for (licence, fetch, message) in [
            ("none stated", String::new(), "may not be fetched for you"),
            ("CC BY-NC 4.0", file("tiny/test.txt", good, 3, &sum), "must be accepted"),
            ("MIT", file("../test.txt", good, 3, &sum), "tiny.toml:15:"),
            ("MIT", file("/tiny/test.txt", good, 3, &sum), "no name below the data root"),
            ("MIT", file("tiny/test.txt", "http://x.org/a", 3, &sum), "begin with https://"),
            ("MIT", file("tiny/test.txt", "http://localhost.org/", 3, &sum), "begin with https"),
            ("MIT", file("tiny/test.txt", good, 0, &sum), "bytes = 0"),
            ("MIT", file("tiny/test.txt", good, 3, "ABC"), "64 digits"),
            ("MIT", file("tiny/other.txt", good, 3, &sum), "neither in `files`"),
        ] {
            let error = load(licence, &fetch).unwrap_err();
            assert!(error.to_string().contains(message), "{message}: {error}");
            assert_eq!(error.exit_code(), 64);
        }
    }

    #[test]
    fn a_file_is_absent_present_or_another() {
        let folder = tempfile::tempdir().unwrap();
        let remote = Remote {
            path: "a.txt".to_owned(),
            url: "http://127.0.0.1:80/a".to_owned(),
            bytes: 3,
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned(),
        };
        assert!(remote.is_local());
        assert_eq!(remote.state(folder.path()).unwrap(), State::Absent);
        std::fs::write(folder.path().join("a.txt"), "abc").unwrap();
        assert_eq!(remote.state(folder.path()).unwrap(), State::Present);
        std::fs::write(folder.path().join("a.txt"), "abd").unwrap();
        assert_eq!(remote.state(folder.path()).unwrap(), State::Other);
    }
}
