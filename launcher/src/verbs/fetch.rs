//! `knowcoder data fetch`: corpora from their sources, as far as their licences allow.

use super::Answer;
use super::data::declarations;
use crate::cli;
use crate::display::Display;
use crate::download::Downloader;
use crate::error::{Error, exit};
use crate::interrupt;
use crate::store::Place;
use data_pipeline::corpus::Corpus;
use data_pipeline::corpus::fetch::{Plan, State, plans};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

/// Downloads what is missing of the named corpora; refuses before the first byte what it may not.
pub fn fetch(args: &cli::Fetch) -> Result<Answer, Error> {
    refuse_remote(&args.data.data_root)?;
    let mut wanted: Vec<Plan> = Vec::new();
    for path in declarations(&args.configs, &args.datasets)? {
        let corpus = Corpus::load(&path, &args.data.data_root)?;
        for plan in plans(&corpus)? {
            if !wanted.iter().any(|known| known.dataset == plan.dataset) {
                wanted.push(plan);
            }
        }
    }
    refuse_closed(&wanted, args.accept_licence)?;
    refuse_nothing(&wanted)?;
    // What came is kept under another name, so that it may be cut anywhere.
    interrupt::end_at_once("stopped while fetching; the same command continues where it stopped");
    let mut display = Display::new();
    let downloader = Downloader::new();
    let mut text = String::new();
    let mut documents = Vec::new();
    for plan in &wanted {
        display.line(&format!("{}: licence {}", plan.dataset, plan.licence));
        let fetched = fetch_plan(plan, &args.data.data_root, &downloader, &mut display);
        // The bar goes before the error comes.
        display.finish();
        let fetched = fetched?;
        say(&mut text, plan, &fetched);
        documents.push(document(plan, &fetched));
    }
    interrupt::end_by_default();
    Ok(Answer::new(text, json!({"datasets": documents})))
}

/// Names of the files that were fetched, and of those that were there already.
#[derive(Default)]
struct Fetched<'a> {
    new: Vec<&'a str>,
    there: Vec<&'a str>,
}

/// Files come to this machine first.
fn refuse_remote(data_root: &Path) -> Result<(), Error> {
    let place = Place::of(data_root)?;
    if !place.is_remote() {
        return Ok(());
    }
    let message = format!("`data fetch` writes into folders, and `{place}` is none");
    Err(Error::new(exit::DECLARATION, message)
        .hint("fetch into a folder, and copy that to the object store with its own tools"))
}

/// Licences that allow something only to those who accept them.
fn refuse_closed(plans: &[Plan], accepted: bool) -> Result<(), Error> {
    let closed: Vec<&Plan> = plans.iter().filter(|plan| !plan.open).collect();
    if accepted || closed.is_empty() {
        return Ok(());
    }
    let each: Vec<String> =
        closed.iter().map(|plan| format!("`{}` is under {}", plan.dataset, plan.licence)).collect();
    let message = format!("{}: not for every use", each.join("; "));
    let hint =
        format!("read the terms at {}; --accept-licence says that you keep them", closed[0].origin);
    Err(Error::new(exit::DECLARATION, message).hint(hint))
}

/// Corpora of which every file was made of others.
fn refuse_nothing(plans: &[Plan]) -> Result<(), Error> {
    if plans.iter().any(|plan| !plan.files.is_empty()) {
        return Ok(());
    }
    let mut made = plans.iter().flat_map(|plan| &plan.made);
    let Some((name, how)) = made.next() else { return Ok(()) };
    let message = format!("`{name}` cannot be fetched, it is no file of its source: {how}");
    let hint = "make it from its source, or declare the whole file under a name of your own";
    Err(Error::new(exit::DECLARATION, message).hint(hint))
}

fn fetch_plan<'a>(
    plan: &'a Plan,
    data_root: &Path,
    downloader: &Downloader,
    display: &mut Display,
) -> Result<Fetched<'a>, Error> {
    let mut fetched = Fetched::default();
    for file in &plan.files {
        match file.state(data_root)? {
            State::Present => fetched.there.push(file.path.as_str()),
            State::Other => return Err(another(&data_root.join(&file.path))),
            State::Absent => {
                let (what, total) = (format!("bytes of {}", file.path), file.bytes as usize);
                downloader.fetch(file, data_root, |done| {
                    display.advance(&what, done as usize, total, "", Instant::now());
                })?;
                fetched.new.push(file.path.as_str());
            }
        }
    }
    Ok(fetched)
}

/// A file of the user's is never overwritten.
fn another(place: &Path) -> Error {
    let message = format!("`{}` is there and is not the file that was declared", place.display());
    Error::new(exit::DATA, message)
        .hint("move it away, then fetch again; or let --data-root name another folder")
}

fn say(text: &mut String, plan: &Plan, fetched: &Fetched<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}  {}", plan.dataset, plan.licence);
    for (verdict, names) in [("fetched", &fetched.new), ("there", &fetched.there)] {
        for name in names {
            let _ = writeln!(text, "  {verdict:<8} {name}");
        }
    }
    for (name, how) in &plan.made {
        let _ = writeln!(text, "  never    {name}: {how}");
    }
}

fn document(plan: &Plan, fetched: &Fetched<'_>) -> Value {
    json!({
        "dataset": plan.dataset,
        "licence": plan.licence,
        "origin": plan.origin,
        "fetched": fetched.new,
        "there": fetched.there,
        "cannot_be_fetched": plan.made,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn plan(dataset: &str, open: bool) -> Plan {
        Plan {
            dataset: dataset.to_owned(),
            licence: "CC BY-NC 4.0".to_owned(),
            origin: "https://example.org".to_owned(),
            open,
            files: Vec::new(),
            made: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn licences_are_accepted_by_name_or_not_at_all() {
        assert!(refuse_closed(&[plan("a", true)], false).is_ok());
        assert!(refuse_closed(&[plan("a", true), plan("b", false)], true).is_ok());
        let error = refuse_closed(&[plan("a", true), plan("b", false)], false).unwrap_err();
        assert_eq!(error.code, exit::DECLARATION);
        assert_eq!(error.message, "`b` is under CC BY-NC 4.0: not for every use");
        assert!(error.hint.unwrap().contains("--accept-licence"));
    }
}
