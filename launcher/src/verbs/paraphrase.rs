//! `knowcoder data paraphrase`: a bank of descriptions held against its schema.

use super::Answer;
use crate::cli;
use crate::error::{Error, exit};
use data_pipeline::predictions::replace;
use data_pipeline::prompt::Bank;
use serde_json::json;
use std::fmt::Write;

/// Keeps what still fits its class, under the schema's present hash, and says what is missing.
pub fn paraphrase(args: &cli::Paraphrase) -> Result<Answer, Error> {
    let bank = load(args)?;
    let (renewed, kept) = bank.renewed(&args.schema)?;
    let changed = renewed.hash() != bank.hash();
    if changed && !args.check {
        replace(&args.bank, renewed.text().as_bytes())?;
    }
    // What remains must be of use as it is.
    if !(changed && args.check) {
        Bank::load(&args.bank)?.wordings(&args.schema)?;
    }
    let (file, schema) = (args.bank.display(), args.schema.display());
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match (changed, args.check) {
        // Lines are found by the name of the schema's file, which somebody may have changed.
        (false, _) if kept.kept == 0 => {
            let others: Vec<&str> = bank.schemas().into_iter().collect();
            let others = match others.is_empty() {
                true => "none at all".to_owned(),
                false => format!("those of `{}`", others.join("`, `")),
            };
            writeln!(text, "`{file}` has no line of `{schema}`, but {others}")
        }
        (false, _) => writeln!(text, "`{file}` is up to date with `{schema}`: {} lines", kept.kept),
        (true, true) => writeln!(text, "`{file}` is of another state of `{schema}`"),
        (true, false) => writeln!(text, "{} lines kept in `{file}`", kept.kept),
    };
    for (what, classes) in [
        ("left out, as the class says something else now", &kept.dropped),
        ("without paraphrases", &kept.missing),
    ] {
        if !classes.is_empty() {
            let _ = writeln!(text, "{what}: {}", classes.join(", "));
        }
    }
    let json = json!({"changed": changed, "written": changed && !args.check, "lines": kept});
    let code = if changed && args.check { exit::DATA } else { exit::DONE };
    Ok(Answer { text, json, code })
}

/// The bank, or how to begin one.
fn load(args: &cli::Paraphrase) -> Result<Bank, Error> {
    let error = match Bank::load(&args.bank) {
        Ok(bank) => return Ok(bank),
        Err(error) => error,
    };
    let is_absent = !args.bank.exists();
    match Bank::beginning(&args.schema)? {
        Some(line) if is_absent => {
            Err(Error::from(error).hint(format!("begin it with a line such as {line}")))
        }
        _ => Err(error.into()),
    }
}
