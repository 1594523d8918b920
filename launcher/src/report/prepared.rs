//! What `prepare` made of the corpora, and what groups save.

use super::files::{Counts, Part, Prepared, Run};
use super::html::{count, escape, percent};

/// A block of rows a prepared set: its sum, then its parts.
pub(super) fn section(run: &Run) -> String {
    if run.prepared.is_empty() {
        return String::new();
    }
    let sets: String = run.prepared.iter().map(rows).collect();
    format!(
        "<p class=\"note\">Samples that share their classes are trained on as a group: the classes \
         are computed once for all of them, exactly.</p><div class=\"scroll\"><table><thead><tr>\
         <th scope=\"col\">set</th><th scope=\"col\">samples</th><th scope=\"col\">groups</th>\
         <th scope=\"col\">tokens, apart</th><th scope=\"col\">tokens, grouped</th>\
         <th scope=\"col\">saved</th></tr></thead><tbody>{sets}</tbody></table></div>{}",
        run.prepared.iter().map(losses).collect::<String>()
    )
}

fn rows(set: &Prepared) -> String {
    let name = format!("<b>{}</b>", escape(&set.name));
    let parts: String = set.parts.iter().map(part).collect();
    format!("<tr class=\"sum\"><th scope=\"row\">{name}</th>{}</tr>{parts}", cells(&set.total))
}

fn part(part: &Part) -> String {
    let Part { dataset, language, task, counts } = part;
    format!(
        "<tr><th scope=\"row\"><bdi>{}</bdi> <span class=\"tag\">{}</span> \
         <span class=\"tag\">{}</span></th>{}</tr>",
        escape(dataset),
        escape(language),
        escape(task),
        cells(counts)
    )
}

fn cells(counts: &Counts) -> String {
    let Counts { samples, groups, tokens, tokens_grouped } = counts;
    let numbers: String = [samples, groups, tokens, tokens_grouped]
        .map(|number| format!("<td>{}</td>", count(*number)))
        .concat();
    format!("{numbers}<td>{} %</td>", percent(counts.saved()))
}

/// What did not become a sample, in a sentence.
fn losses(set: &Prepared) -> String {
    let sum = |by_dataset: &std::collections::BTreeMap<String, usize>| by_dataset.values().sum();
    let losses: Vec<String> = [
        (set.refused.len(), "samples too long and refused"),
        (sum(&set.left_out), "sentences without objects left out"),
        (sum(&set.quarantined), "rows in quarantine"),
        (
            set.shots.values().map(|shots| shots.fewer).sum(),
            "samples without room for all demonstrations",
        ),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{what}: {}", count(number)))
    .collect();
    if losses.is_empty() {
        return String::new();
    }
    format!("<p class=\"note\">{} · {}</p>", escape(&set.name), losses.join(" · "))
}
