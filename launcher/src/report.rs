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
mod html;
mod prepared;
mod scores;
mod training;

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
    let sections = [
        ("scores", "Scores", scores::section(run)),
        ("training", "Training", training::section(run)),
        ("examples", "Examples", examples::section(run)),
        ("flaws", "Flaws of the answers", flaws::section(run)),
        ("data", "Prepared data", prepared::section(run)),
        ("events", "Events", events(run)),
        ("recipe", "Recipe", recipe(run)),
    ];
    let there = || sections.iter().filter(|(.., body)| !body.is_empty());
    let links: String =
        there().map(|(id, title, _)| format!("<a href=\"#{id}\">{title}</a>")).collect();
    let bodies: String = there()
        .map(|(id, title, body)| format!("<section id=\"{id}\"><h2>{title}</h2>{body}</section>\n"))
        .collect();
    let bodies = if bodies.is_empty() {
        "<p class=\"note\">This run directory holds nothing to show yet.</p>".to_owned()
    } else {
        bodies
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title} · knowcoder</title>\n\
         <style>\n{style}</style>\n</head>\n<body>\n{header}<nav>{links}</nav>\n<main>\n\
         {bodies}</main>\n<footer>knowcoder {version}</footer>\n</body>\n</html>\n",
        title = escape(&run.name),
        style = include_str!("report/style.css"),
        header = header(run),
        version = env!("CARGO_PKG_VERSION"),
    )
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
    let facts: String = facts
        .iter()
        .map(|(label, value)| {
            format!("<div><dt>{label}</dt><dd dir=\"auto\">{}</dd></div>", escape(value))
        })
        .collect();
    let tiles: String = scores::tiles(run)
        .into_iter()
        .chain(training::tiles(run))
        .map(|(label, value, note)| {
            format!(
                "<div class=\"tile\"><span>{}</span><strong>{value}</strong><small>{}</small></div>",
                escape(&label),
                escape(&note)
            )
        })
        .collect();
    format!(
        "<header>\n<p class=\"eyebrow\">knowcoder run</p>\n<h1 dir=\"auto\">{}</h1>\n\
         <dl class=\"facts\">{facts}</dl>\n<div class=\"tiles\">{tiles}</div>\n</header>\n",
        escape(&run.name)
    )
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
