//! A run on one page: what it scored, how it learned, what it got wrong.
//!
//! The page is a single HTML file without a script and without a request to anywhere (its content
//! policy forbids them), so that it opens from a disk, a mail or an artefact store in ten years.
//! It is made of the files of the run directory and of nothing else; a run that is still going,
//! or that stopped early, gets the sections whose files are there, and what cannot be read is named.
//! Two more pages of this kind lie beside it: its `errors`, and, if asked for, its `comparison` with
//! another run; these have a script of their own to filter by.

mod broken;
mod chart;
mod comparison;
mod during;
mod errors;
mod examples;
mod files;
mod flaws;
mod history;
mod languages;
mod memory;
mod planned;
mod prepared;
mod scores;
mod sensitivity;
mod settings;
mod shares;
mod sources;
mod speed;
mod table;
mod training;

use crate::error::exit;
use crate::page::{self, Page, Section, html};
use comparison::Compared;
use data_pipeline::errors::{Analysis, Contrast, Limits, analyse, contrast};
use data_pipeline::score::{Comparison, Protocol, compare_shared, shared};
use data_pipeline::{Error, predictions};
use files::Run;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The pages of a run, and what they say of its mistakes.
pub struct Pages {
    /// `report.html`.
    pub report: PathBuf,
    /// `errors.html`; none without predictions.
    pub errors: Option<PathBuf>,
    /// What the answers got wrong.
    pub analysis: Analysis,
}

/// The page of two runs, and what it says.
#[derive(Serialize)]
pub struct Against {
    /// `comparison.html`.
    pub page: PathBuf,
    differences: Vec<Comparison>,
    contrast: Contrast,
}

/// Writes `report.html` and `errors.html` into the run directory, and takes away a `comparison.html`: it is
/// of answers that may be others by now.
pub fn write(run_dir: &Path) -> Result<Pages, Error> {
    let compared = run_dir.join(comparison::FILE);
    if let Err(error) = std::fs::remove_file(&compared)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(Error::write(&compared)(error));
    }
    let run = Run::read(run_dir)?;
    let analysis = analyse(&run.sets, Limits::default());
    let has_answers = run.sets.iter().any(|set| !set.predictions.is_empty());
    let errors = has_answers.then(|| run_dir.join(errors::FILE));
    if let Some(path) = &errors {
        let page = errors::page(&run.name, &run.sets, &analysis);
        predictions::replace(path, page.as_bytes())?;
    }
    let report = run_dir.join("report.html");
    predictions::replace(&report, page(&run, &analysis).as_bytes())?;
    Ok(Pages { report, errors, analysis })
}

/// Writes `comparison.html` into the run directory: the run and `other`, which is a run too, or a directory
/// with files of predictions.
pub fn write_against(run_dir: &Path, other: &Path) -> Result<Against, crate::error::Error> {
    let (a_name, a) = files::answers(run_dir)?;
    let (b_name, b) = files::answers(other)?;
    let shared = shared(&a, &b)
        .map_err(|unlike| crate::error::Error::new(exit::DATA, unlike.to_string()))?;
    let differences = compare_shared(&shared, Protocol::Set);
    let contrast = contrast(&shared, comparison::EXAMPLES);
    let page = comparison::page(&Compared {
        names: (&a_name, &b_name),
        shared: &shared,
        differences: &differences,
        contrast: &contrast,
    });
    let path = run_dir.join(comparison::FILE);
    predictions::replace(&path, page.as_bytes())?;
    Ok(Against { page: path, differences, contrast })
}

/// The whole page.
fn page(run: &Run, analysis: &Analysis) -> String {
    let sections = vec![
        Section::new("broken", "Not readable", broken::section(run)),
        Section::new("scores", "Scores", scores::section(run)),
        Section::new("sensitivity", "Other orders and wordings", sensitivity::section(run)),
        Section::new("languages", "Languages", languages::section(run)),
        Section::new("during", "F1 while training", during::section(run)),
        Section::new("training", "Training", training::section(run)),
        Section::new("planned", "Planned and measured", planned::section(run)),
        Section::new("shares", "Shares of the data", shares::section(run)),
        Section::new("errors", "Errors", errors::section(analysis)),
        Section::new("examples", "Examples", examples::section(run, analysis)),
        Section::new("flaws", "Flaws of the answers", flaws::section(run)),
        Section::new("data", "Prepared data", prepared::section(run)),
        Section::new("events", "Events", history::section(run)),
        Section::new("recipe", "Recipe", settings::section(run)),
    ];
    let page = Page {
        title: run.name.clone(),
        header: header(run),
        sections,
        // The sentences are as on the page of errors.
        style: concat!(include_str!("report/report.css"), include_str!("report/errors/errors.css")),
        script: "",
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
