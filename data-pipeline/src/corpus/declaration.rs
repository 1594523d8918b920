//! What `configs/datasets/NAME.toml` says of a corpus, refused where it cannot be meant.

use super::fetch::Fetch;
use super::labels::Map;
use super::{
    brat, columns, frames, instructions, joined, json_stream, lines, pairs, records, translations,
    uner_parallel, xml,
};
use crate::error::nearest;
use crate::{Error, Task};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use toml::Spanned;

/// A declaration with its answers in place of options.
#[derive(Clone, Debug)]
pub(crate) struct Declaration {
    /// The file itself.
    pub path: PathBuf,
    /// Its text, to find lines in.
    pub text: String,
    pub name: String,
    pub tasks: Vec<Task>,
    pub parallel: bool,
    /// `en`, or `en-zh` of a parallel corpus.
    pub language: String,
    pub licence: String,
    /// Where the corpus comes from.
    pub origin: String,
    /// The schema, resolved.
    pub schema: PathBuf,
    pub root: Root,
    pub reader: Reader,
    pub splits: BTreeMap<String, Split>,
    pub labels: Map,
    pub roles: Map,
    /// What may be fetched; none of it where this is not said.
    pub fetch: Option<Fetch>,
}

/// Below what the files of a corpus lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Root {
    /// The folder of corpora, `--data-root`.
    #[default]
    Data,
    /// The folder that holds the folder of declarations, `configs`.
    Configs,
}

/// A format and its options.
#[derive(Clone, Debug)]
pub(crate) enum Reader {
    Columns(columns::Options),
    Lines(lines::Options),
    Brat(brat::Options),
    /// Boxed, as `Json`.
    Instructions(Box<instructions::Options>),
    JsonStream(json_stream::Options),
    Uner,
    UnerParallel(uner_parallel::Options),
    Spert,
    FewFc,
    Frames(frames::Options),
    /// Boxed, as it says far more than the others.
    Json(Box<records::Options>),
    Pairs(pairs::Options),
    /// Boxed, as `Json`.
    Xml(Box<xml::Options>),
    Joined(joined::Options),
    Translations(translations::Options),
}

/// Their names in declarations.
const READERS: [&str; 15] = [
    "joined",
    "translations",
    "columns",
    "lines",
    "brat",
    "instructions",
    "json",
    "json-stream",
    "pairs",
    "xml",
    "uner",
    "uner-parallel",
    "spert",
    "fewfc",
    "frames",
];

/// One split: its files or its share of them, and the counts it must have.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Split {
    pub files: Vec<String>,
    pub sentences: Option<Spanned<usize>>,
    pub entities: Option<Spanned<usize>>,
    pub relations: Option<Spanned<usize>>,
    pub events: Option<Spanned<usize>>,
    /// Rows that may go to quarantine.
    pub misfits: usize,
    /// Of files: first row and one past the last, where a split is a part of them.
    pub rows: Option<(usize, usize)>,
    /// Of `uner-parallel`: first pair and one past the last, in the order of hashed documents.
    pub pairs: Option<(usize, usize)>,
    /// Of `frames`.
    pub frames_part: Option<String>,
    /// Of `frames`.
    pub names_part: Option<String>,
    /// Of `frames`: instantiations of each frame.
    pub repeat: Option<usize>,
    /// Of `frames`.
    pub seed: Option<u64>,
    /// Of `frames`: leaves out frames without a slot, which are the same sentence in every split.
    pub named: Option<bool>,
    /// Of `frames`: share of names that are invented.
    pub made_up: Option<f64>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<O> {
    name: String,
    #[serde(default)]
    task: Vec<Task>,
    #[serde(default)]
    parallel: bool,
    language: String,
    licence: String,
    source: String,
    schema: PathBuf,
    #[serde(rename = "reader")]
    _reader: String,
    #[serde(default)]
    root: Root,
    #[serde(default)]
    options: O,
    splits: BTreeMap<String, Split>,
    #[serde(default)]
    labels: Map,
    #[serde(default)]
    roles: Map,
    #[serde(default)]
    fetch: Option<Fetch>,
}

/// Read first, as it says how the rest is to be read.
#[derive(Deserialize)]
struct Head {
    reader: Option<Spanned<String>>,
}

/// What is wrong with a declaration that names no reader: perhaps the key is there, but misspelt.
fn without_reader(path: &Path, text: &str) -> Error {
    match toml::from_str::<File<toml::Table>>(text) {
        Err(error) => Error::toml(path, text, &error),
        Ok(_) => Error::declaration(path, "no `reader`, which names the format of the files"),
    }
}

/// Of readers that have none.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

impl Declaration {
    /// Reads the declaration at `path`.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => not_there(path),
            _ => Error::read(path)(error),
        })?;
        let head: Head = toml::from_str(&text).map_err(|error| Error::toml(path, &text, &error))?;
        let Some(reader) = head.reader else {
            return Err(without_reader(path, &text));
        };
        let none = |_: NoOptions| ();
        match reader.get_ref().as_str() {
            "columns" => Self::parse(path, &text, Reader::Columns),
            "lines" => Self::parse(path, &text, Reader::Lines),
            "instructions" => {
                Self::parse(path, &text, |options| Reader::Instructions(Box::new(options)))
            }
            "brat" => Self::parse(path, &text, Reader::Brat),
            "json-stream" => Self::parse(path, &text, Reader::JsonStream),
            "uner" => Self::parse(path, &text, |options| (none(options), Reader::Uner).1),
            "uner-parallel" => Self::parse(path, &text, Reader::UnerParallel),
            "spert" => Self::parse(path, &text, |options| (none(options), Reader::Spert).1),
            "fewfc" => Self::parse(path, &text, |options| (none(options), Reader::FewFc).1),
            "frames" => Self::parse(path, &text, Reader::Frames),
            "joined" => Self::parse(path, &text, Reader::Joined),
            "translations" => Self::parse(path, &text, Reader::Translations),
            "json" => Self::parse(path, &text, |options| Reader::Json(Box::new(options))),
            "pairs" => Self::parse(path, &text, Reader::Pairs),
            "xml" => Self::parse(path, &text, |options| Reader::Xml(Box::new(options))),
            other => {
                let way_out = match nearest(other, READERS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are `{}`", READERS.join("`, `")),
                };
                let message = format!("unknown reader `{other}`; {way_out}");
                Err(Error::at(path, &text, reader.span().start, message))
            }
        }
    }

    fn parse<O: DeserializeOwned + Default>(
        path: &Path,
        text: &str,
        reader: impl FnOnce(O) -> Reader,
    ) -> Result<Self, Error> {
        let file: File<O> =
            toml::from_str(text).map_err(|error| Error::toml(path, text, &error))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let tasks = match file.task.as_slice() {
            [] if file.parallel => vec![Task::Ner],
            _ => file.task,
        };
        let declaration = Self {
            path: path.to_owned(),
            text: text.to_owned(),
            name: file.name,
            tasks,
            parallel: file.parallel,
            language: file.language,
            licence: file.licence,
            origin: file.source,
            schema: beside(folder, &file.schema),
            root: file.root,
            reader: reader(file.options),
            splits: file.splits,
            labels: file.labels,
            roles: file.roles,
            fetch: file.fetch,
        };
        declaration.check()?;
        Ok(declaration)
    }

    /// Refuses what each key allows but all together cannot mean.
    fn check(&self) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::declaration(&self.path, message));
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        if stem != self.name.as_str() {
            let name = &self.name;
            return refuse(format!(
                "`name = \"{name}\"`, but recipes find it by its file: `{stem}`"
            ));
        }
        if self.tasks.is_empty() {
            return refuse("no task; write `task = [\"ner\"]`, or `parallel = true`".into());
        }
        if self.splits.is_empty() {
            return refuse("no split; write [splits.test] with its files".into());
        }
        if self.parallel && self.languages().is_none() {
            let language = &self.language;
            return refuse(format!(
                "`language = \"{language}\"` names one language; a parallel corpus has two: \"en-zh\""
            ));
        }
        match &self.reader {
            Reader::UnerParallel(options) => options.check(self)?,
            Reader::Frames(options) => options.check(self)?,
            Reader::Joined(options) => options.check(self)?,
            Reader::Translations(options) => options.check(self)?,
            Reader::Columns(options) => options.check(&self.path)?,
            Reader::Lines(options) => options.check(&self.path)?,
            Reader::Instructions(options) => options.check(&self.path)?,
            Reader::Json(options) => options.check(&self.path)?,
            Reader::Pairs(options) => options.check(&self.path)?,
            Reader::Xml(options) => options.check(&self.path)?,
            _ => {}
        }
        match &self.reader {
            Reader::UnerParallel(_)
            | Reader::Frames(_)
            | Reader::Joined(_)
            | Reader::Translations(_) => {}
            _ if self.parallel => {
                return refuse(
                    "`parallel = true` needs the reader `uner-parallel`, `joined`, `translations` or `frames`".into(),
                );
            }
            _ => {}
        }
        self.splits.iter().try_for_each(|(name, split)| self.check_split(name, split))?;
        match &self.fetch {
            Some(fetch) => fetch.check(self),
            None => Ok(()),
        }
    }

    /// Refuses keys of another reader, and holes where this one needs a key.
    fn check_split(&self, name: &str, split: &Split) -> Result<(), Error> {
        let kind = match self.reader {
            Reader::UnerParallel(_) => "uner-parallel",
            Reader::Frames(_) => "frames",
            Reader::Joined(_) => "joined",
            _ => "files",
        };
        let keys = [
            ("files", "files", !split.files.is_empty(), true),
            ("files", "rows", split.rows.is_some(), false),
            ("uner-parallel", "pairs", split.pairs.is_some(), true),
            ("frames", "frames_part", split.frames_part.is_some(), true),
            ("frames", "names_part", split.names_part.is_some(), true),
            ("frames", "repeat", split.repeat.is_some(), false),
            ("frames", "seed", split.seed.is_some(), false),
            ("frames", "named", split.named.is_some(), false),
            ("frames", "made_up", split.made_up.is_some(), false),
        ];
        let refuse = |message: String| {
            Err(Error::declaration(&self.path, format!("[splits.{name}] {message}")))
        };
        for (owner, key, given, needed) in keys {
            if given && owner != kind {
                return refuse(format!("has `{key}`, which this reader does not know"));
            }
            if !given && needed && owner == kind {
                return refuse(format!("has no `{key}`"));
            }
        }
        let folders = split.files.iter().filter_map(|file| Some((file, file.rsplit_once('/')?.0)));
        for (file, folder) in folders {
            if folder.contains('*') {
                return refuse(format!("names `{file}`: `*` may stand in a file's name only"));
            }
        }
        if split.repeat == Some(0) {
            return refuse("`repeat = 0` makes no sentence; write at least 1".into());
        }
        for (key, range) in [("pairs", split.pairs), ("rows", split.rows)] {
            if let Some((start, end)) = range.filter(|(start, end)| start >= end) {
                return refuse(format!(
                    "`{key} = [{start}, {end}]` is empty; the end is exclusive"
                ));
            }
        }
        match split.made_up {
            Some(share) if !(0.0..=1.0).contains(&share) => {
                refuse(format!("`made_up = {share}` is a share of names: 0 to 1"))
            }
            _ => Ok(()),
        }
    }

    /// Source and target language of a parallel corpus.
    pub(crate) fn languages(&self) -> Option<(&str, &str)> {
        let sides = self.language.split_once('-')?;
        (!sides.0.is_empty() && !sides.1.is_empty()).then_some(sides)
    }

    /// The split called `name`.
    pub(crate) fn split(&self, name: &str) -> Result<&Split, Error> {
        self.splits.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.splits.keys().map(String::as_str).collect();
            let message = format!("no split `{name}`; it has `{}`", known.join("`, `"));
            Error::declaration(&self.path, message)
        })
    }

    /// An error at a byte of the declaration.
    pub(crate) fn error_at(&self, byte: usize, message: impl Into<String>) -> Error {
        Error::at(&self.path, &self.text, byte, message)
    }

    /// The line of a byte of the declaration.
    pub(crate) fn line_of(&self, byte: usize) -> usize {
        self.text[..byte.min(self.text.len())].matches('\n').count() + 1
    }
}

/// `path` seen from `folder`, without a detour through `..` where that leads to the same file.
pub(crate) fn beside(folder: &Path, path: &Path) -> PathBuf {
    let whole = folder.join(path);
    let mut short = PathBuf::new();
    for part in whole.components() {
        let up = part == Component::ParentDir;
        match short.components().next_back() {
            Some(Component::Normal(_)) if up => drop(short.pop()),
            _ => short.push(part),
        }
    }
    // A folder that is a link has another parent than its name says.
    let same = || Some(short.canonicalize().ok()? == whole.canonicalize().ok()?);
    if same() == Some(true) { short } else { whole }
}

/// Names the nearest declaration beside the one that was asked for.
fn not_there(path: &Path) -> Error {
    let folder = path.parent().unwrap_or(Path::new(""));
    let wanted = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let known: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    let hint = super::labels::did_you_mean(&wanted, known.iter().map(String::as_str));
    Error::declaration(path, format!("no data set `{wanted}` is declared{hint}"))
}
