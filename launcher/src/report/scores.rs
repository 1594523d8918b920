//! The F1 table: intervals drawn on a common scale, with floors and other models beside them.

use super::files::Run;
use super::html::{count, escape, percent};
use super::languages;
use data_pipeline::Task;
use data_pipeline::score::{Protocol, Row, Scores};

/// At most this many scores stand at the top of the page.
const TILES: usize = 4;

/// A label, a value and a note for the top of the page.
pub(super) fn tiles(run: &Run) -> Vec<(String, String, String)> {
    let Some(protocol) = run.scores.protocols().first().copied() else { return Vec::new() };
    let of_protocol = |row: &&Row| row.protocol == protocol && !row.is_chained();
    let rows: Vec<&Row> = run.scores.rows.iter().filter(of_protocol).collect();
    let mut tasks: Vec<Task> = rows.iter().map(|row| row.task).collect();
    tasks.dedup();
    let sets = rows.iter().filter(|row| !row.is_summary()).count();
    let chosen: Vec<&Row> = if tasks.len() > 1 {
        // The last row of a task sums up most.
        let last = |task: &Task| rows.iter().rev().find(|row| row.task == *task).copied();
        tasks.iter().filter_map(last).collect()
    } else {
        // Few sets speak for themselves; many are summed up.
        rows.into_iter().filter(|row| row.is_summary() == (sets > TILES)).collect()
    };
    chosen
        .into_iter()
        .take(TILES)
        .filter_map(|row| {
            let mut label = format!("{} F1 · {}", row.task.to_string().to_uppercase(), row.dataset);
            if !row.is_summary() {
                label += &format!(" · {}", row.language);
            }
            Some((label, percent(Some(row.f1?)), interval(row)))
        })
        .collect()
}

/// The table of the first protocol, and under it the F1 of all.
pub(super) fn section(run: &Run) -> String {
    let scores = &run.scores;
    let protocols = scores.protocols();
    let Some(first) = protocols.first() else { return String::new() };
    let others = if protocols.len() > 1 { compare(scores, &protocols) } else { String::new() };
    main_table(scores, *first) + &languages::table_of(scores, *first) + &others
}

/// Sets first, sums after them.
fn ordered(scores: &Scores, protocol: Protocol) -> Vec<&Row> {
    let rows = || scores.rows.iter().filter(|row| row.protocol == protocol);
    rows().filter(|row| !row.is_summary()).chain(rows().filter(|row| row.is_summary())).collect()
}

fn main_table(scores: &Scores, protocol: Protocol) -> String {
    let rows = ordered(scores, protocol);
    let floors = rows.iter().any(|row| scores.floor(row).is_some());
    let mut head = String::from(
        "<th scope=\"col\">dataset</th><th scope=\"col\">task</th><th scope=\"col\">F1</th>\
         <th scope=\"col\" class=\"ci\">95 %</th><th scope=\"col\" class=\"scale-head\"><span>0</span>\
         <span>50</span><span>100</span></th>",
    );
    if floors {
        head += "<th scope=\"col\">floor</th>";
    }
    let papers = rows.iter().any(|row| scores.paper(row).is_some());
    if papers {
        head += "<th scope=\"col\">paper</th>";
    }
    for name in scores.baselines.keys() {
        head += &format!("<th scope=\"col\">{}</th>", escape(name));
    }
    for name in ["precision", "recall", "gold", "flaws", "sentences"] {
        head += &format!("<th scope=\"col\">{name}</th>");
    }
    let mut body = String::new();
    let mut sums = false;
    for row in rows {
        let class = match (row.is_summary(), sums) {
            (true, false) => " class=\"sum first\"",
            (true, true) => " class=\"sum\"",
            _ => "",
        };
        sums |= row.is_summary();
        body += &format!("<tr{class}>{}</tr>\n", cells(scores, row, (floors, papers)));
    }
    let mut legend = String::from(
        "<li><i class=\"dot\"></i>F1</li><li><i class=\"range\"></i>95 % interval, bootstrap over \
         sentences</li>",
    );
    if floors {
        legend += "<li><i class=\"floor\"></i>floor: what needs no learning</li>";
    }
    if papers {
        legend += "<li><i class=\"paper\"></i>paper: what the paper reports</li>";
    }
    for (place, name) in scores.baselines.keys().enumerate() {
        legend +=
            &format!("<li><i class=\"other o{}\"></i>{} model</li>", place.min(2), escape(name));
    }
    let differs = if papers {
        " The paper's settings differ: another model and other training data, and its test sets may \
         be samples or other releases; its numbers are a direction, not a comparison."
    } else {
        ""
    };
    let defect =
        protocol.defect().map_or(String::new(), |defect| format!(" Known defect: {defect}."));
    format!(
        "<p class=\"note\">F1 in percent, protocol <code>{protocol}</code>.{defect}{differs}</p>\
         <div class=\"scroll\"><table class=\"f1\"><thead><tr>{head}</tr></thead>\
         <tbody>{body}</tbody></table></div><ul class=\"legend\">{legend}</ul>"
    )
}

fn cells(scores: &Scores, row: &Row, (floors, papers): (bool, bool)) -> String {
    let f1 = match row.f1 {
        Some(f1) => format!("<b>{f1:.1}</b>"),
        None => "<span class=\"note\">empty</span>".to_owned(),
    };
    let mut cells = format!(
        "{}<td class=\"left\">{}</td>\
         <td>{f1}</td><td class=\"note ci\">{}</td><td>{}</td>",
        name(row),
        row.task,
        interval(row),
        scale(scores, row),
    );
    if floors {
        cells += &format!("<td>{}</td>", percent(scores.floor(row)));
    }
    if papers {
        cells += &format!("<td>{}</td>", percent(scores.paper(row)));
    }
    for name in scores.baselines.keys() {
        cells += &format!("<td>{}</td>", percent(scores.baseline(name, row)));
    }
    for value in [percent(row.precision), percent(row.recall)]
        .into_iter()
        .chain([row.gold, row.flaws, row.sentences].map(count))
    {
        cells += &format!("<td>{value}</td>");
    }
    cells
}

/// The dataset and its language; of a sum over languages, its name alone.
fn name(row: &Row) -> String {
    let tag = match row.language.as_str() {
        "all" if row.is_summary() => String::new(),
        language => format!(" <span class=\"tag\">{}</span>", escape(language)),
    };
    format!("<th scope=\"row\"><bdi>{}</bdi>{tag}</th>", escape(&row.dataset))
}

fn interval(row: &Row) -> String {
    match (row.low, row.high) {
        (Some(low), Some(high)) => format!("{low:.1}–{high:.1}"),
        _ => String::new(),
    }
}

/// The row on a scale from 0 to 100.
pub(super) fn scale(scores: &Scores, row: &Row) -> String {
    let place = |value: f64| value.clamp(0.0, 100.0);
    let mut marks = String::new();
    if let (Some(low), Some(high)) = (row.low, row.high) {
        let (low, high) = (place(low), place(high));
        marks +=
            &format!("<i class=\"range\" style=\"left:{low:.1}%;width:{:.1}%\"></i>", high - low);
    }
    if let Some(floor) = scores.floor(row) {
        marks += &format!("<i class=\"floor\" style=\"left:{:.1}%\"></i>", place(floor));
    }
    if let Some(paper) = scores.paper(row) {
        marks += &format!("<i class=\"paper\" style=\"left:{:.1}%\"></i>", place(paper));
    }
    for (order, name) in scores.baselines.keys().enumerate() {
        if let Some(f1) = scores.baseline(name, row) {
            let (order, left) = (order.min(2), place(f1));
            marks += &format!("<i class=\"other o{order}\" style=\"left:{left:.1}%\"></i>");
        }
    }
    if let Some(f1) = row.f1 {
        marks += &format!("<i class=\"dot\" style=\"left:{:.1}%\"></i>", place(f1));
    }
    format!("<div class=\"scale\">{marks}</div>")
}

/// The same answers under each protocol.
fn compare(scores: &Scores, protocols: &[Protocol]) -> String {
    let head: String =
        protocols.iter().map(|it| format!("<th scope=\"col\"><code>{it}</code></th>")).collect();
    let mut body = String::new();
    for row in ordered(scores, protocols[0]) {
        let class = if row.is_summary() { " class=\"sum\"" } else { "" };
        body += &format!("<tr{class}>{}<td class=\"left\">{}</td>", name(row), row.task);
        for protocol in protocols {
            let wanted = Row { protocol: *protocol, ..row.clone() };
            let f1 = scores.rows.iter().find(|other| other.matches(&wanted)).and_then(|row| row.f1);
            body += &format!("<td>{}</td>", percent(f1));
        }
        body += "</tr>\n";
    }
    let defects: String = protocols
        .iter()
        .filter_map(|it| {
            Some(format!("<p class=\"note\"><code>{it}</code>: {}.</p>", it.defect()?))
        })
        .collect();
    format!(
        "<h3>The same answers under each protocol</h3><div class=\"scroll\"><table>\
         <thead><tr><th scope=\"col\">dataset</th><th scope=\"col\">task</th>{head}</tr></thead>\
         <tbody>{body}</tbody></table></div>{defects}"
    )
}
