//! What can go wrong with corpora, schemas, shards and scores, and the exit code each deserves.

use std::path::{Path, PathBuf};

/// An error that a user, a file or a disk caused; its text says what, where, and the way out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be opened or read.
    #[error("failed to read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file could not be written; a full disk ends here.
    #[error("failed to write `{}`: {source}{}", path.display(), way_out(source))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A row of a corpus, schema or prediction file is not what its format says.
    #[error("{}:{line}: {message}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What was expected, what was found, what to do.
        message: String,
    },
    /// A declaration or recipe says something that cannot be.
    #[error("{}: {message}", path.display())]
    Declaration {
        /// The file, or the section of a recipe.
        path: PathBuf,
        /// What is wrong with it and what to do.
        message: String,
    },
    /// A server that answers questions is not there, or refuses them.
    #[error("{url}: {message}")]
    Server {
        /// Where it is asked.
        url: String,
        /// What it did and what to do.
        message: String,
        /// 64 where the job is wrong, 69 where nobody is there, 75 where it may work later.
        code: u8,
    },
    /// Something that we wrote earlier is torn, changed or of another run.
    #[error("{}: {message}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What does not fit and what to do.
        message: String,
    },
}

impl Error {
    /// The exit code that `knowcoder` ends with: 64 declaration, 65 data, 75 the machine.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Declaration { .. } => 64,
            Self::Data { .. } | Self::Corrupt { .. } => 65,
            Self::Server { code, .. } => *code,
            Self::Read { source, .. } | Self::Write { source, .. } => io_exit_code(source),
        }
    }

    /// A reading error, for `map_err`.
    pub fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    /// A writing error, for `map_err`.
    pub fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Write { path: path.to_owned(), source }
    }

    /// A data error at `path:line`.
    pub fn data(path: &Path, line: usize, message: impl Into<String>) -> Self {
        Self::Data { path: path.to_owned(), line, message: message.into() }
    }

    /// A declaration error.
    pub fn declaration(path: &Path, message: impl Into<String>) -> Self {
        Self::Declaration { path: path.to_owned(), message: message.into() }
    }

    /// A declaration error at a byte of `text`, the file's own.
    pub fn at(path: &Path, text: &str, byte: usize, message: impl Into<String>) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let place = format!("{}:{line}:{column}", path.display());
        Self::declaration(Path::new(&place), message)
    }

    /// What `toml` refused in `text`, with its place and, for an unknown word, the nearest known.
    pub fn toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let message = explain(error.message());
        match error.span() {
            Some(span) => Self::at(path, text, span.start, message),
            None => Self::declaration(path, message),
        }
    }

    /// A corruption error.
    pub fn corrupt(path: &Path, message: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_owned(), message: message.into() }
    }
}

/// What to do about a file that cannot be written, where that is known.
fn way_out(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded => "; make room, and the same command goes on",
        PermissionDenied | ReadOnlyFilesystem => "; choose a folder that you may write to",
        _ => "",
    }
}

/// The exit code for what the system said: 64 where another path or right is needed, 65 where the
/// content is wrong, 75 where trying again may help, as on a full disk.
pub fn io_exit_code(error: &std::io::Error) -> u8 {
    use std::io::ErrorKind::{
        InvalidData, IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem,
    };
    match error.kind() {
        NotFound | IsADirectory | NotADirectory | PermissionDenied | ReadOnlyFilesystem => 64,
        InvalidData => 65,
        _ => 75,
    }
}

/// Serde's "unknown field" and "unknown variant" with the nearest word that it does know.
pub fn explain(message: &str) -> String {
    let what = ["unknown field", "unknown variant"].into_iter().find(|it| message.starts_with(it));
    let mut words = message.split('`').skip(1).step_by(2);
    let (Some(what), Some(word)) = (what, words.next()) else {
        return message.replace('\n', ", ");
    };
    let what = if what == "unknown field" { "unknown key" } else { "unknown value" };
    let known: Vec<&str> = words.collect();
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("{what} `{word}`; did you mean `{near}`?"),
        None if known.is_empty() => format!("{what} `{word}`; none is known here"),
        None => format!("{what} `{word}`; known are `{}`", known.join("`, `")),
    }
}

/// The nearest of `known` to `word`, for "did you mean": at most a third of the word may differ.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = word.chars().count().div_ceil(3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names_the_likely_word() {
        assert_eq!(nearest("learning_rat", ["learning_rate", "warmup"]), Some("learning_rate"));
        assert_eq!(nearest("zzz", ["learning_rate", "warmup"]), None);
    }

    #[test]
    fn unknown_words_come_with_the_nearest_known() {
        let expected = "expected one of `labels`, `root`";
        assert_eq!(
            explain(&format!("unknown field `lables`, {expected}")),
            "unknown key `lables`; did you mean `labels`?"
        );
        assert_eq!(
            explain(&format!("unknown variant `zzzzzz`, {expected}")),
            "unknown value `zzzzzz`; known are `labels`, `root`"
        );
        assert_eq!(
            explain("unknown field `x`, there are no fields"),
            "unknown key `x`; none is known here"
        );
        assert_eq!(explain("missing field `name`"), "missing field `name`");
    }
}
