//! A run on one page: what it scored, how it learned, what it got wrong.
//!
//! The page is a single HTML file without a script and without a request to anywhere (its content
//! policy forbids them), so that it opens from a disk, a mail or an artefact store in ten years.
//! It is made of the files of the run directory and of nothing else; a run that is still going,
//! or that stopped early, gets the sections whose files are there, and what cannot be read is named.

mod broken;
mod chart;
mod during;
mod examples;
mod fertility;
mod files;
mod findings;
mod flaws;
mod history;
mod languages;
mod memory;
mod prepared;
mod scores;
mod sensitivity;
mod settings;
mod shares;
mod sources;
mod speed;
mod table;
mod training;

use crate::page::{self, Page, Section, html};
use data_pipeline::{Error, predictions};
use files::Run;
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
        Section::new("broken", "Not readable", broken::section(run)),
        Section::new("scores", "Scores", scores::section(run)),
        Section::new("sensitivity", "Other orders and wordings", sensitivity::section(run)),
        Section::new("languages", "Languages", fertility::section(run)),
        Section::new("during", "F1 while training", during::section(run)),
        Section::new("training", "Training", training::section(run)),
        Section::new("shares", "Shares of the data", shares::section(run)),
        Section::new("examples", "Examples", examples::section(run)),
        Section::new("flaws", "Flaws of the answers", flaws::section(run)),
        Section::new("data", "Prepared data", prepared::section(run)),
        Section::new("events", "Events", history::section(run)),
        Section::new("recipe", "Recipe", settings::section(run)),
    ];
    let page = Page {
        title: run.name.clone(),
        header: header(run),
        sections,
        style: include_str!("report/report.css"),
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
    if let Some(state) = history::state(run) {
        facts.push(("state", state.to_owned()));
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

#[cfg(test)]
mod tests;
