//! `knowcoder data inspect`: rows as the model sees them, token by token.

use super::place::{Place, Rows, open, places};
use crate::cli;
use crate::error::{Error, exit};
use crate::page::rows;
use crate::verbs::Answer;
use data_pipeline::inspect::choice::{Choice, choose, whole_groups};
use data_pipeline::inspect::terminal::{Screen, text};
use data_pipeline::inspect::{Group, read};
use data_pipeline::predictions::replace;
use data_pipeline::width::TERMINAL;
use serde_json::json;
use std::io::IsTerminal;

/// Shows rows of shards, or rows that would be made, on the terminal or as a page.
pub fn inspect(args: &cli::Inspect) -> Result<Answer, Error> {
    let choice = choice(args);
    let places = places(args)?;
    let (rows, numbers) = found(&places, args, &choice)?;
    let groups = read(&rows.shards, &numbers, &rows.tokenizer)?;
    let text = match &args.html {
        None => text(&groups, screen()),
        Some(file) => {
            replace(file, page(args, &rows, &groups).as_bytes())?;
            let (rows, groups) = (plural(numbers.len(), "row"), plural(groups.len(), "group"));
            format!("{}: {rows} of {groups}\n", file.display())
        }
    };
    let json = json!({
        "source": args.source,
        "phase": rows.name,
        "rows": rows.shards.len(),
        "tokenizer": rows.tokenizer.fingerprint(),
        "html": args.html,
        "groups": groups,
    });
    Ok(Answer::new(text, json))
}

fn choice(args: &cli::Inspect) -> Choice {
    match (&args.id, &args.find) {
        (Some(id), _) => Choice::Sample(id.clone()),
        (_, Some(text)) => Choice::Text(text.clone()),
        _ if args.random => Choice::Random(args.seed),
        _ => Choice::Row(args.row.unwrap_or_default()),
    }
}

/// The first of `places` that has such rows, opened, and their numbers.
fn found(
    places: &[Place],
    args: &cli::Inspect,
    choice: &Choice,
) -> Result<(Rows, Vec<usize>), Error> {
    // A sample is all of its parts and tasks.
    let few = if matches!(choice, Choice::Sample(_)) { usize::MAX } else { 1 };
    let most = args.rows.map_or(few, |rows| rows as usize);
    let mut seen = Vec::new();
    for place in places {
        let rows = open(place, args)?;
        let mut numbers = choose(&rows.shards, &rows.tokenizer, choice, most)?;
        if numbers.is_empty() {
            seen.push(format!("`{}`, which has {} rows", rows.name, rows.shards.len()));
            continue;
        }
        if args.group {
            numbers = whole_groups(&rows.shards, &numbers);
        }
        return Ok((rows, numbers));
    }
    let message = match choice {
        Choice::Row(row) => format!("there is no row {row}, counted from 0,"),
        Choice::Sample(id) => format!("there is no sample `{id}`"),
        Choice::Text(text) => format!("no prompt or answer holds `{text}`"),
        Choice::Random(_) => "there is no row".to_owned(),
    };
    Err(Error::new(exit::USAGE, format!("{message} in {}", seen.join(", nor in "))))
}

fn page(args: &cli::Inspect, rows: &Rows, groups: &[Group]) -> String {
    rows::page(&rows::Shown {
        source: &args.source,
        phase: &rows.name,
        rows: rows.shards.len(),
        vocabulary: rows.tokenizer.vocabulary(),
        tokenizer: &rows.tokenizer.fingerprint(),
        groups,
    })
}

/// Colours only where somebody looks, and not where `NO_COLOR` is set (no-color.org).
fn screen() -> Screen {
    let asked_not = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    let colour = std::io::stdout().is_terminal() && !asked_not && !is_dumb;
    Screen { columns: TERMINAL, colour }
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
