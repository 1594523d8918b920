//! Prompts as files: text with `<<names>>` of what is put in.
//!
//! A line of `===` parts what the system says from what the user asks. What is put in is never read
//! for names again: a sentence that holds `<<names>>` stays as it is.

use super::config::Kind;
use crate::Error;
use crate::error::nearest;
use std::path::Path;

/// What may be put into a prompt.
const KNOWN: [&str; 8] = [
    "source_language",
    "target_language",
    "sentence",
    "names",
    "draft",
    "draft_names",
    "missing",
    "glossary",
];

/// A prompt with places for values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    system: Vec<Piece>,
    user: Vec<Piece>,
}

/// A part of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(String),
}

/// A name and what is put in for it.
pub type Filling = (&'static str, String);

impl Prompt {
    /// Reads the prompt of a stage, which must ask about what the stage works on.
    pub fn load(path: &Path, kind: Kind) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
        Self::parse(path, &text, kind)
    }

    fn parse(path: &Path, text: &str, kind: Kind) -> Result<Self, Error> {
        let mut halves: [Vec<Piece>; 2] = [Vec::new(), Vec::new()];
        let mut half = 0;
        for (index, line) in text.lines().enumerate() {
            if line.trim() == "===" && half == 0 {
                half = 1;
                continue;
            }
            let pieces = pieces(line).map_err(|message| Error::data(path, index + 1, message))?;
            halves[half].extend(pieces);
            halves[half].push(Piece::Text("\n".to_owned()));
        }
        if half == 0 {
            let message = "no line `===` between what the system says and what the user asks";
            return Err(Error::data(path, text.lines().count().max(1), message));
        }
        let [system, user] = halves;
        let prompt = Self { system, user };
        let needed: &[&str] = match kind {
            Kind::Translate => &["sentence", "names", "target_language"],
            Kind::Names => &["draft", "missing"],
            Kind::Sentence => &["draft", "draft_names"],
            Kind::RoundTrip => &["draft", "source_language"],
        };
        for name in needed {
            if !prompt.has(name) {
                let message = format!("a prompt of this stage must have `<<{name}>>` in it");
                return Err(Error::data(path, 1, message));
            }
        }
        Ok(prompt)
    }

    fn has(&self, name: &str) -> bool {
        self.count(name) > 0
    }

    /// How often it has a place for `name`.
    pub fn count(&self, name: &str) -> u64 {
        let is_it = |piece: &&Piece| matches!(piece, Piece::Value(value) if value == name);
        self.system.iter().chain(&self.user).filter(is_it).count() as u64
    }

    /// What the system says and what the user asks, with `values` put in.
    pub fn fill(&self, values: &[Filling]) -> (String, String) {
        let filled = |pieces: &[Piece]| {
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    Piece::Text(part) => text.push_str(part),
                    Piece::Value(name) => {
                        let value = values.iter().find(|(known, _)| known == name);
                        text.push_str(value.map_or("", |(_, value)| value.as_str()));
                    }
                }
            }
            text.trim().to_owned()
        };
        (filled(&self.system), filled(&self.user))
    }
}

/// Cuts a line at its names.
fn pieces(line: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("<<") {
        let Some((name, behind)) = after.split_once(">>") else {
            return Err("`<<` is not closed by `>>`".to_owned());
        };
        if !KNOWN.contains(&name) {
            let way_out = match nearest(name, KNOWN) {
                Some(near) => format!("did you mean `<<{near}>>`?"),
                None => format!("known are `{}`", KNOWN.join("`, `")),
            };
            return Err(format!("unknown name `<<{name}>>`; {way_out}"));
        }
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(Piece::Value(name.to_owned()));
        rest = behind;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn values_are_put_in_once() {
        let text = "Translate to <<target_language>>.\n===\n<<sentence>>\n<<names>>\n";
        let prompt = Prompt::parse(Path::new("p.txt"), text, Kind::Translate).unwrap();
        let values = vec![
            ("target_language", "zh".to_owned()),
            ("sentence", "Say <<names>>.".to_owned()),
            ("names", "1. Ann".to_owned()),
        ];
        let (system, user) = prompt.fill(&values);
        assert_eq!(system, "Translate to zh.");
        assert_eq!(user, "Say <<names>>.\n1. Ann");
    }

    #[test]
    fn a_wrong_prompt_is_refused_with_its_line() {
        let refused = |text: &str| {
            Prompt::parse(Path::new("p.txt"), text, Kind::Translate).unwrap_err().to_string()
        };
        assert_eq!(
            refused("a\n<<sentense>>\n"),
            "p.txt:2: unknown name `<<sentense>>`; did you mean `<<sentence>>`?"
        );
        assert_eq!(refused("<<sentence"), "p.txt:1: `<<` is not closed by `>>`");
        assert!(refused("<<sentence>>").starts_with("p.txt:1: no line `===`"));
        assert!(refused("<<sentence>>\n===\nx").ends_with("must have `<<names>>` in it"));
    }

    #[test]
    fn the_shipped_prompts_are_sound() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/parallel/prompts");
        for (file, kind) in [
            ("translate.txt", Kind::Translate),
            ("names.txt", Kind::Names),
            ("sentence.txt", Kind::Sentence),
            ("round-trip.txt", Kind::RoundTrip),
        ] {
            Prompt::load(&folder.join(file), kind).unwrap();
        }
    }
}
