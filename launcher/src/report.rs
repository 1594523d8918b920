//! A run on one page: what it scored, how it learned, what it got wrong.
//!
//! The page is a single HTML file without a script and without a request to anywhere (its content
//! policy forbids them), so that it opens from a disk, a mail or an artefact store in ten years.
//! It is made of the files of the run directory and of nothing else; a run that is still going,
//! or that stopped early, gets the sections whose files are there.

mod chart;
mod examples;
mod files;
mod findings;
mod flaws;
mod prepared;
mod scores;
mod training;

use crate::page::{self, Page, Section, html};
use data_pipeline::{Error, predictions};
use files::Run;
use html::{duration, escape};
use std::path::{Path, PathBuf};

/// Writes `report.html` into the run directory and returns its path.
pub fn write(run_dir: &Path) -> Result<PathBuf, Error> {
    let run = Run::read(run_dir)?;
    let path = run_dir.join("report.html");
    predictions::replace(&path, page(&run).as_bytes())?;
    Ok(path)
}

/// The whole page.
fn page(run: &Run) -> String {
    let sections = vec![
        Section::new("scores", "Scores", scores::section(run)),
        Section::new("training", "Training", training::section(run)),
        Section::new("examples", "Examples", examples::section(run)),
        Section::new("flaws", "Flaws of the answers", flaws::section(run)),
        Section::new("data", "Prepared data", prepared::section(run)),
        Section::new("events", "Events", events(run)),
        Section::new("recipe", "Recipe", recipe(run)),
    ];
    let page = Page {
        title: run.name.clone(),
        header: header(run),
        sections,
        style: "",
        empty: "This run directory holds nothing to show yet.",
    };
    page.to_html()
}

/// Name, date, world, revision, and the numbers to read first.
fn header(run: &Run) -> String {
    let mut facts = Vec::new();
    if let Some(date) = &run.date {
        facts.push(("date", date.clone()));
    }
    for (key, label) in [
        ("world", "ranks"),
        ("threads_per_rank", "threads per rank"),
        ("backend", "back end"),
        ("device", "device"),
        ("revision", "revision"),
        ("version", "version"),
        ("seed", "seed"),
    ] {
        if let Some(value) = run.fact(key) {
            facts.push((label, value));
        }
    }
    let tiles: String = scores::tiles(run)
        .into_iter()
        .chain(training::tiles(run))
        .map(|(label, value, note)| page::tile(&label, &value, &note))
        .collect();
    page::header("knowcoder run", &run.name, &facts, &tiles)
}

/// What happened when, folded away.
fn events(run: &Run) -> String {
    if run.events.is_empty() {
        return String::new();
    }
    let rows: String = run
        .events
        .iter()
        .map(|event| {
            format!(
                "<tr><td class=\"left\">{}</td><th scope=\"row\">{}</th>\
                 <td class=\"left wrap\" dir=\"auto\">{}</td></tr>",
                escape(&event.time),
                escape(&event.name),
                escape(&event.rest)
            )
        })
        .collect();
    let spent = run.seconds().map_or(String::new(), |spent| format!(" over {}", duration(spent)));
    format!(
        "<details><summary>{} events{spent}</summary><div class=\"scroll\"><table>\
         <tbody>{rows}</tbody></table></div></details>",
        run.events.len()
    )
}

/// The resolved recipe, folded away.
fn recipe(run: &Run) -> String {
    match &run.recipe {
        Some(text) => format!(
            "<details><summary>recipe.lock, {} lines</summary><pre>{}</pre></details>",
            text.lines().count(),
            escape(text)
        ),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
