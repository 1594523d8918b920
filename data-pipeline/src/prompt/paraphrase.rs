//! Other descriptions of classes, kept beside their schema.
//!
//! A bank is a file of JSON Lines, one class in one language a line:
//!
//! ```json
//! {"schema":"quickstart","hash":"…","class":"Person","language":"en",
//!  "description":"A human being, known by name.","paraphrases":["Somebody with a name."]}
//! ```
//!
//! `hash` is that of the schema file for which the line was written. A schema that changed is
//! refused until somebody looked: a description that fits the old class may be wrong for the new.

use crate::error::{Error, explain, nearest};
use crate::schema::{Class, Schema, sha256_hex};
use crate::shell;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A file of descriptions.
#[derive(Clone, Debug)]
pub struct Bank {
    path: PathBuf,
    lines: Vec<(usize, Line)>,
}

/// One class in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// The schema file's name without `.py`.
    schema: String,
    /// [`Schema::hash`] of the whole file.
    hash: String,
    class: String,
    language: String,
    /// What the class says itself.
    description: String,
    paraphrases: Vec<String>,
}

/// The other descriptions of one schema's classes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wordings {
    /// By class and language.
    of_class: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// What became of a bank whose schema changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Lines whose class still says what it said.
    pub kept: usize,
    /// `Class (language)` of lines whose class says something else now, or is gone.
    pub dropped: Vec<String>,
    /// `Class (language)` of descriptions that have no paraphrases.
    pub missing: Vec<String>,
}

impl Bank {
    /// Reads a bank; the schemas are not looked at yet.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(Error::read(path))?;
        let mut lines: Vec<(usize, Line)> = Vec::new();
        let mut known = BTreeSet::new();
        for (place, bytes) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let number = place + 1;
            let wrong = |message: String| Error::data(path, number, message);
            let line: Line = serde_json::from_slice(bytes).map_err(|error| {
                wrong(format!("no line of a bank: {}", explain(&error.to_string())))
            })?;
            line.check().map_err(wrong)?;
            let key = (line.schema.clone(), line.class.clone(), line.language.clone());
            if !known.insert(key) {
                return Err(wrong(format!(
                    "`{}` stands twice in `{}`; join their paraphrases",
                    line.class, line.language
                )));
            }
            lines.push((number, line));
        }
        Ok(Self { path: path.to_owned(), lines })
    }

    /// SHA-256 over what it says, wherever it lies.
    pub fn hash(&self) -> String {
        sha256_hex(self.text().as_bytes())
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let text = |(_, line): &(usize, Line)| {
            // A struct of strings always has a JSON form.
            serde_json::to_string(line).unwrap_or_default() + "\n"
        };
        self.lines.iter().map(text).collect()
    }

    /// What it has for the schema file at `path`; nothing if it does not know that schema, an error
    /// if it was written for another state of it.
    pub fn wordings(&self, path: &Path) -> Result<Option<Wordings>, Error> {
        let name = stem(path);
        let mut lines = self.lines.iter().filter(|(_, line)| line.schema == name).peekable();
        if lines.peek().is_none() {
            return Ok(None);
        }
        let schema = Schema::load(path)?;
        let hash = schema.hash();
        let mut wordings = Wordings::default();
        for (number, line) in lines {
            self.fits(*number, line, path, &schema, &hash)?;
            let languages = wordings.of_class.entry(line.class.clone()).or_default();
            languages.insert(line.language.clone(), line.paraphrases.clone());
        }
        Ok(Some(wordings))
    }

    /// Refuses a line that was not written for `schema`.
    fn fits(
        &self,
        number: usize,
        line: &Line,
        path: &Path,
        schema: &Schema,
        hash: &str,
    ) -> Result<(), Error> {
        if line.hash != hash {
            let schema = path.display();
            let message = format!(
                "was written for the schema `{}` with hash {}, but `{schema}` has {hash} now; \
                 `knowcoder data paraphrase {} --bank {}` keeps what still fits and says what is to be \
                 written again",
                line.schema,
                line.hash,
                shell::path(path),
                shell::path(&self.path)
            );
            return Err(Error::declaration(&self.at(number), message));
        }
        let Some(class) = schema.class(&line.class) else {
            let known = schema.classes.iter().map(|class| class.name.as_str());
            let guess = nearest(&line.class, known)
                .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let message = format!("`{}` has no class `{}`{guess}", path.display(), line.class);
            return Err(Error::declaration(&self.at(number), message));
        };
        if class.descriptions.get(&line.language) != Some(&line.description) {
            let message = format!(
                "`{}` is not what `{}` says of `{}` in `{}`; copy its description",
                line.description,
                path.display(),
                line.class,
                line.language
            );
            return Err(Error::declaration(&self.at(number), message));
        }
        Ok(())
    }

    fn at(&self, line: usize) -> PathBuf {
        PathBuf::from(format!("{}:{line}", self.path.display()))
    }

    /// The names of the schemas that it has lines for.
    pub fn schemas(&self) -> BTreeSet<&str> {
        self.lines.iter().map(|(_, line)| line.schema.as_str()).collect()
    }

    /// How a bank for the schema file at `path` may begin; none where no class is described.
    pub fn beginning(path: &Path) -> Result<Option<String>, Error> {
        let schema = Schema::load(path)?;
        let mut said = schema.classes.iter().flat_map(|class| {
            class.descriptions.iter().map(|(language, text)| (&class.name, language, text))
        });
        let line = said.next().map(|(class, language, description)| Line {
            schema: stem(path),
            hash: schema.hash(),
            class: class.clone(),
            language: language.clone(),
            description: description.clone(),
            paraphrases: vec!["…".to_owned()],
        });
        // A struct of strings always has a JSON form.
        Ok(line.map(|line| serde_json::to_string(&line).unwrap_or_default()))
    }

    /// This bank for the present state of the schema file at `path`: lines whose class still says
    /// the same are kept under the new hash, those of other schemas as they are.
    pub fn renewed(&self, path: &Path) -> Result<(Self, Kept), Error> {
        let (name, schema) = (stem(path), Schema::load(path)?);
        let hash = schema.hash();
        let mut kept = Kept { kept: 0, dropped: Vec::new(), missing: Vec::new() };
        let mut lines = Vec::new();
        for (number, line) in &self.lines {
            if line.schema != name {
                lines.push((*number, line.clone()));
                continue;
            }
            let class = schema.class(&line.class);
            let says = class.and_then(|class| class.descriptions.get(&line.language));
            if says == Some(&line.description) {
                kept.kept += 1;
                lines.push((*number, Line { hash: hash.clone(), ..line.clone() }));
            } else {
                kept.dropped.push(format!("{} ({})", line.class, line.language));
            }
        }
        for class in &schema.classes {
            for language in class.descriptions.keys() {
                let has = |line: &Line| {
                    line.schema == name && line.class == class.name && line.language == *language
                };
                if !lines.iter().any(|(_, line)| has(line)) {
                    kept.missing.push(format!("{} ({language})", class.name));
                }
            }
        }
        Ok((Self { path: self.path.clone(), lines }, kept))
    }
}

impl Line {
    fn check(&self) -> Result<(), String> {
        let class = &self.class;
        if self.paraphrases.is_empty() {
            return Err(format!("`{class}` has no paraphrases; write some or leave the line out"));
        }
        let mut known = BTreeSet::from([self.description.as_str()]);
        for text in &self.paraphrases {
            if text.trim().is_empty() {
                return Err(format!("a paraphrase of `{class}` is empty"));
            }
            if !known.insert(text) {
                return Err(format!(
                    "`{text}` is said of `{class}` already; a paraphrase says it in other words"
                ));
            }
        }
        Ok(())
    }
}

impl Wordings {
    /// How many descriptions a class has beside its own: those of the language that has most.
    pub fn count(&self, class: &str) -> usize {
        let languages = self.of_class.get(class).into_iter().flat_map(BTreeMap::values);
        languages.map(Vec::len).max().unwrap_or(0)
    }

    /// How many the class with the most of them has.
    pub fn most(&self) -> usize {
        self.of_class.keys().map(|class| self.count(class)).max().unwrap_or(0)
    }

    /// `class` with its `number`-th other descriptions; 0, and a language that has fewer, keeps its
    /// own.
    pub fn worded(&self, class: &Class, number: usize) -> Class {
        let mut worded = class.clone();
        let languages = self.of_class.get(&class.name).into_iter().flatten();
        for (language, texts) in languages {
            let text = number.checked_sub(1).and_then(|place| texts.get(place));
            if let (Some(own), Some(text)) = (worded.descriptions.get_mut(language), text) {
                own.clone_from(text);
            }
        }
        worded
    }

    /// `schema` with the `number`-th other descriptions throughout.
    pub fn schema(&self, schema: &Schema, number: usize) -> Schema {
        let classes = schema.classes.iter().map(|class| self.worded(class, number));
        Schema { classes: classes.collect() }
    }
}

/// A schema's name: that of its file without the ending.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    const SCHEMA: &str = "class Person(Entity):\n    '''Description: A human being.'''\n    descriptions = {'zh': '人。'}\nclass Ship(Entity):\n    '''Description: A large boat.'''\n";

    /// A folder with a schema and a bank of `lines` for it; `HASH` becomes the schema's hash.
    fn folder(lines: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (schema, bank) = (folder.path().join("sea.py"), folder.path().join("bank.jsonl"));
        std::fs::write(&schema, SCHEMA).unwrap();
        let hash = Schema::load(&schema).unwrap().hash();
        std::fs::write(&bank, lines.replace("HASH", &hash)).unwrap();
        (folder, schema, bank)
    }

    fn line(class: &str, language: &str, description: &str, paraphrases: &str) -> String {
        format!(
            r#"{{"schema":"sea","hash":"HASH","class":"{class}","language":"{language}","description":"{description}","paraphrases":{paraphrases}}}"#
        ) + "\n"
    }

    fn bank() -> String {
        line("Person", "en", "A human being.", r#"["Somebody.","A man or woman."]"#)
            + &line("Person", "zh", "人。", r#"["某个人。"]"#)
            + &line("Ship", "en", "A large boat.", r#"["A vessel."]"#)
    }

    #[test]
    fn a_class_is_said_in_other_words() {
        let (_folder, path, bank) = folder(&bank());
        let (bank, schema) = (Bank::load(&bank).unwrap(), Schema::load(&path).unwrap());
        let wordings = bank.wordings(&path).unwrap().unwrap();
        assert_eq!((wordings.count("Person"), wordings.count("Ship"), wordings.most()), (2, 1, 2));
        let said = |number| {
            let schema = wordings.schema(&schema, number);
            let texts =
                schema.classes.iter().flat_map(|class| class.descriptions.values().cloned());
            texts.collect::<Vec<_>>().join(" | ")
        };
        expect!["A human being. | 人。 | A large boat."].assert_eq(&said(0));
        expect!["Somebody. | 某个人。 | A vessel."].assert_eq(&said(1));
        expect!["A man or woman. | 人。 | A large boat."].assert_eq(&said(2));
        assert_eq!(bank.wordings(Path::new("elsewhere/land.py")).unwrap(), None);
    }

    #[test]
    fn a_schema_that_changed_is_refused_until_the_bank_is_looked_at() {
        let (folder, path, file) = folder(&bank());
        let bank = Bank::load(&file).unwrap();
        let old = Schema::load(&path).unwrap().hash();
        std::fs::write(&path, SCHEMA.replace("A large boat", "What sails")).unwrap();
        let new = Schema::load(&path).unwrap().hash();
        let error = bank.wordings(&path).unwrap_err();
        assert_eq!(error.exit_code(), 64);
        let said = error.to_string().replace(&old, "OLD").replace(&new, "NEW");
        let said = said.replace(&folder.path().display().to_string(), "DIR");
        expect!["DIR/bank.jsonl:1: was written for the schema `sea` with hash OLD, but `DIR/sea.py` has NEW now; `knowcoder data paraphrase DIR/sea.py --bank DIR/bank.jsonl` keeps what still fits and says what is to be written again"].assert_eq(&said);

        let (renewed, kept) = bank.renewed(&path).unwrap();
        assert_eq!(
            (kept.kept, kept.dropped, kept.missing),
            (2, vec!["Ship (en)".into()], vec!["Ship (en)".into()])
        );
        std::fs::write(&file, renewed.text()).unwrap();
        let wordings = Bank::load(&file).unwrap().wordings(&path).unwrap().unwrap();
        assert_eq!((wordings.count("Person"), wordings.count("Ship")), (2, 0));
        assert_ne!(renewed.hash(), bank.hash());
    }

    #[test]
    fn a_bank_begins_with_what_the_schema_says() {
        let (_folder, path, bank) = folder(&bank());
        assert_eq!(Bank::load(&bank).unwrap().schemas(), BTreeSet::from(["sea"]));
        let begun = Bank::beginning(&path).unwrap().unwrap();
        std::fs::write(&bank, begun).unwrap();
        let wordings = Bank::load(&bank).unwrap().wordings(&path).unwrap().unwrap();
        assert_eq!((wordings.count("Person"), wordings.count("Ship")), (1, 0));
    }

    fn check(lines: &str, expected: Expect) {
        let (folder, path, bank) = folder(lines);
        let error = Bank::load(&bank).and_then(|bank| bank.wordings(&path)).unwrap_err();
        expected.assert_eq(&error.to_string().replace(&folder.path().display().to_string(), "DIR"));
    }

    #[test]
    fn a_wrong_line_is_named() {
        check(
            &line("Persn", "en", "A human being.", r#"["X"]"#),
            expect!["DIR/bank.jsonl:1: `DIR/sea.py` has no class `Persn`; did you mean `Person`?"],
        );
        check(
            &line("Person", "en", "A man.", r#"["X"]"#),
            expect![
                "DIR/bank.jsonl:1: `A man.` is not what `DIR/sea.py` says of `Person` in `en`; copy its description"
            ],
        );
        check(
            &line("Person", "en", "A human being.", "[]"),
            expect![
                "DIR/bank.jsonl:1: `Person` has no paraphrases; write some or leave the line out"
            ],
        );
        check(
            &line("Person", "en", "A human being.", r#"["A human being."]"#),
            expect![
                "DIR/bank.jsonl:1: `A human being.` is said of `Person` already; a paraphrase says it in other words"
            ],
        );
        let twice = line("Ship", "en", "A large boat.", r#"["A vessel."]"#);
        check(
            &(twice.clone() + &twice),
            expect!["DIR/bank.jsonl:2: `Ship` stands twice in `en`; join their paraphrases"],
        );
    }

    #[test]
    fn the_shipped_bank_fits_its_schema() {
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
        let bank = Bank::load(&configs.join("paraphrases/quickstart.jsonl")).unwrap();
        let path = configs.join("schemas/quickstart.py");
        let wordings = bank.wordings(&path).unwrap().unwrap();
        for class in &Schema::load(&path).unwrap().classes {
            for language in ["en", "zh"] {
                let texts = &wordings.of_class[&class.name][language];
                assert!((2..=3).contains(&texts.len()), "{} {language}", class.name);
            }
        }
    }
}
