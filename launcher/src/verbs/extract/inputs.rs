//! What `extract` is asked about: texts, files, JSON Lines and stdin, one after the other and never more
//! than one at a time in memory.

use crate::cli;
use crate::error::{Error, exit};
use data_pipeline::Task;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use trainer::extract::{Fields, Line, Text};

/// The longest line, in bytes: who sends more has forgotten a line end.
const LONGEST: u64 = 64 << 20;

/// A text, and what goes into its answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Of the command line or of a line of stdin.
    Text(String),
    /// A whole file, with its name.
    File(String, String),
    /// Of JSON Lines.
    Line(Line),
}

impl Input {
    /// What is asked about.
    pub fn text(&self) -> Text {
        match self {
            Self::Text(text) | Self::File(_, text) => {
                Text { text: text.clone(), ..Text::default() }
            }
            Self::Line(line) => line.text.clone(),
        }
    }
}

/// Says which files are not there before anything else is done.
pub fn check(args: &cli::Extract) -> Result<(), Error> {
    let stdin = args.texts.iter().filter(|text| *text == "-").count()
        + args.jsonl.iter().filter(|path| path.as_os_str() == "-").count();
    if stdin > 1 {
        let message = "stdin is named twice; `-` may stand for it once";
        return Err(Error::new(exit::USAGE, message));
    }
    let named = args.jsonl.iter().filter(|path| path.as_os_str() != "-");
    for path in args.files.iter().chain(named) {
        // Whoever writes into a named pipe would see it closed by the look alone.
        let is_pipe = std::fs::metadata(path).is_ok_and(|it| !it.is_file() && !it.is_dir());
        if !is_pipe {
            open(path)?;
        }
    }
    Ok(())
}

/// How many there are, where that is known before they are read.
pub fn count(args: &cli::Extract) -> Option<usize> {
    let named = args.texts.len() + args.files.len();
    let is_known = args.jsonl.is_empty() && named > 0 && args.texts.iter().all(|text| text != "-");
    is_known.then_some(named)
}

/// All of them in their order; the first error is the last of them.
pub fn inputs(args: &cli::Extract) -> impl Iterator<Item = Result<Input, Error>> + '_ {
    let task = args.task;
    let fields = Fields { text: args.field.clone(), language: args.language_field.clone() };
    let of_stdin = args.texts.is_empty() && args.files.is_empty() && args.jsonl.is_empty();
    let texts = args.texts.iter().map(String::as_str).chain(of_stdin.then_some("-"));
    let texts = texts.flat_map(|text| -> Box<dyn Iterator<Item = Result<Input, Error>>> {
        match text {
            "-" => Box::new(plain(stdin())),
            text => Box::new(std::iter::once(Ok(Input::Text(text.to_owned())))),
        }
    });
    let jsonl = args.jsonl.iter().flat_map(move |path| {
        let lines = match path.as_os_str() == "-" {
            true => Ok(stdin()),
            false => lines_of(path),
        };
        rows(lines, fields.clone(), task)
    });
    let mut failed = false;
    let all = texts.chain(args.files.iter().map(|path| file(path))).chain(jsonl);
    all.take_while(move |input| !std::mem::replace(&mut failed, input.is_err()))
}

/// The lines of a reader, with their numbers.
struct Lines {
    name: String,
    reader: Box<dyn BufRead>,
    number: usize,
}

impl Iterator for Lines {
    type Item = Result<(usize, String), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = Vec::new();
        self.number += 1;
        let is_first = self.number == 1;
        let place = format!("{}:{}", self.name, self.number);
        match self.reader.by_ref().take(LONGEST + 1).read_until(b'\n', &mut bytes) {
            Ok(0) => None,
            Ok(count) if count as u64 > LONGEST => {
                let message = format!(
                    "{place}: a line has more than {} MiB; end lines with a line feed",
                    LONGEST >> 20
                );
                Some(Err(Error::new(exit::DATA, message)))
            }
            Ok(_) => Some(match String::from_utf8(bytes) {
                // A mark of the byte order is no character of the text.
                Ok(line) if is_first => Ok((self.number, unmarked(line))),
                Ok(line) => Ok((self.number, line)),
                Err(_) => Err(Error::new(exit::DATA, format!("{place}: not valid UTF-8"))),
            }),
            Err(error) => {
                let message = format!("failed to read {}: {error}", self.name);
                Some(Err(Error::new(exit::TRANSIENT, message)))
            }
        }
    }
}

fn stdin() -> Lines {
    Lines { name: "stdin".into(), reader: Box::new(BufReader::new(io::stdin())), number: 0 }
}

fn lines_of(path: &Path) -> Result<Lines, Error> {
    let reader = Box::new(BufReader::new(open(path)?));
    Ok(Lines { name: path.display().to_string(), reader, number: 0 })
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|error| data_pipeline::Error::read(path)(error).into())
}

/// The lines that are not empty, as texts.
fn plain(lines: Lines) -> impl Iterator<Item = Result<Input, Error>> {
    let text = |line: Result<(usize, String), Error>| match line {
        Ok((_, line)) => match line.trim() {
            "" => None,
            text => Some(Ok(Input::Text(text.to_owned()))),
        },
        Err(error) => Some(Err(error)),
    };
    lines.filter_map(text)
}

/// The lines that are not empty, as JSON.
fn rows(
    lines: Result<Lines, Error>,
    fields: Fields,
    task: Task,
) -> Box<dyn Iterator<Item = Result<Input, Error>>> {
    let lines = match lines {
        Ok(lines) => lines,
        Err(error) => return Box::new(std::iter::once(Err(error))),
    };
    let name = lines.name.clone();
    let row = move |line: Result<(usize, String), Error>| match line {
        Ok((_, line)) if line.trim().is_empty() => None,
        Ok((number, line)) => {
            let wrong = |what| Error::new(exit::DATA, format!("{name}:{number}: {what}"));
            Some(fields.read(&line, task).map(Input::Line).map_err(wrong))
        }
        Err(error) => Some(Err(error)),
    };
    Box::new(lines.filter_map(row))
}

fn file(path: &Path) -> Result<Input, Error> {
    let mut bytes = Vec::new();
    let name = path.display().to_string();
    open(path)?.read_to_end(&mut bytes).map_err(|error| data_pipeline::Error::read(path)(error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::new(exit::DATA, format!("{name}:{line}: not valid UTF-8"))
    })?;
    Ok(Input::File(name, unmarked(text)))
}

/// A text without the mark of the byte order that its file begins with.
fn unmarked(text: String) -> String {
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cli::{Cli, Verb};
    use clap::Parser;

    fn lines(bytes: &[u8]) -> Lines {
        let reader = Box::new(io::Cursor::new(bytes.to_vec()));
        Lines { name: "stdin".into(), reader, number: 0 }
    }

    #[test]
    fn texts_are_lines_and_bytes_that_are_none_are_named() {
        let texts: Vec<Input> =
            plain(lines("a\r\n\n 中文 \n".as_bytes())).collect::<Result<_, _>>().unwrap();
        assert_eq!(texts, [Input::Text("a".into()), Input::Text("中文".into())]);
        let error = plain(lines(b"a\nb\xff\n")).last().unwrap().unwrap_err();
        assert_eq!((error.message.as_str(), error.code), ("stdin:2: not valid UTF-8", exit::DATA));
    }

    #[test]
    fn a_mark_of_the_byte_order_is_no_text() {
        let bytes = "\u{feff}Nora Webb moved.\n\u{feff}x\n".as_bytes();
        let texts: Vec<Input> = plain(lines(bytes)).collect::<Result<_, _>>().unwrap();
        let expected = [Input::Text("Nora Webb moved.".into()), Input::Text("\u{feff}x".into())];
        assert_eq!(texts, expected);
        let fields = Fields { text: "text".into(), language: None };
        let bytes = "\u{feff}{\"text\": \"a\"}\n".as_bytes();
        let rows: Vec<_> = rows(Ok(lines(bytes)), fields, Task::Ner).collect();
        assert!(matches!(&rows[..], [Ok(Input::Line(line))] if line.text.text == "a"), "{rows:?}");
    }

    #[test]
    fn rows_name_their_line() {
        let fields = Fields { text: "text".into(), language: None };
        let all = rows(Ok(lines(b"{\"text\": \"a\"}\n\n{\"text\": 3}\n")), fields, Task::Ner);
        let all: Vec<Result<Input, Error>> = all.collect();
        assert!(all[0].is_ok());
        let error = all[1].as_ref().unwrap_err();
        assert_eq!(error.message, "stdin:3: the field `text` is no string");
        assert_eq!((error.code, all.len()), (exit::DATA, 2));
    }

    #[test]
    fn everything_comes_in_its_order_and_nothing_behind_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.txt"), "\u{feff}First.\nSecond.\n").unwrap();
        std::fs::write(at("b.jsonl"), "{\"text\": \"x\", \"id\": 7}\nno\n{\"text\": \"y\"}\n")
            .unwrap();
        let line = format!(
            "knowcoder extract --checkpoint c --schema s.py --file {} --jsonl {} one",
            at("a.txt").display(),
            at("b.jsonl").display()
        );
        let Verb::Extract(args) = Cli::try_parse_from(line.split(' ')).unwrap().verb else {
            panic!()
        };
        check(&args).unwrap();
        assert_eq!(count(&args), None);
        let all: Vec<Result<Input, Error>> = inputs(&args).collect();
        assert_eq!(all[0], Ok(Input::Text("one".into())));
        let name = at("a.txt").display().to_string();
        assert_eq!(all[1], Ok(Input::File(name, "First.\nSecond.\n".into())));
        assert!(matches!(&all[2], Ok(Input::Line(line)) if line.fields["id"] == 7));
        assert!(all[3].as_ref().unwrap_err().message.contains("b.jsonl:2: no JSON"));
        assert_eq!(all.len(), 4);
    }
}
