//! The F1 table: intervals drawn on a common scale, with floors and other models beside them.

use super::files::Run;
use super::html::{count, escape, percent};
use data_pipeline::Task;
use data_pipeline::score::{Absent, Protocol, Quality, Row, Scores};

/// At most this many scores stand at the top of the page.
const TILES: usize = 4;

/// A label, a value and a note for the top of the page.
pub(super) fn tiles(run: &Run) -> Vec<(String, String, String)> {
    let main = run.scores.main_protocols();
    let is_main = |row: &&Row| main.contains(&(row.task, row.protocol)) && !row.is_chained();
    let rows: Vec<&Row> = run.scores.rows.iter().filter(is_main).collect();
    let tasks: Vec<Task> = main.iter().map(|(task, _)| *task).collect();
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

/// The table of each task's main protocol, under it the F1 of all, and what has none.
pub(super) fn section(run: &Run) -> String {
    let scores = &run.scores;
    let protocols = scores.protocols();
    let absent: String =
        scores.absent.iter().map(|it| format!("<p class=\"note\">{}</p>", coded(it))).collect();
    if protocols.is_empty() {
        return absent;
    }
    let others = if protocols.len() > 1 { compare(scores, &protocols) } else { String::new() };
    main_table(scores) + &others + &absent
}

/// Why there is no score, with the names of protocols and sets as code.
fn coded(absent: &Absent) -> String {
    let text = escape(&absent.to_string());
    let parts = text.split('`').enumerate();
    // Every second part stands between two of them.
    parts
        .map(
            |(at, part)| if at % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() },
        )
        .collect()
}

/// The main protocol, or those of the tasks where they differ.
pub(super) fn protocols(scores: &Scores) -> String {
    let main = scores.main_protocols();
    match main.as_slice() {
        [(_, first), rest @ ..] if rest.iter().all(|(_, it)| it == first) => {
            format!("protocol <code>{first}</code>")
        }
        several => {
            let told = several.iter().map(|(task, it)| format!("<code>{it}</code> for {task}"));
            format!("protocol {}", told.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A count by the name of its column.
type Count = (&'static str, fn(&Row) -> usize);

/// Counts that an F1 does not show.
const COUNTS: [Count; 4] = [
    ("unread", |row| row.unread),
    ("invented", |row| row.invented),
    ("outside", |row| row.outside),
    ("cut", |row| row.cut),
];

/// What is found beside some row: columns that it needs.
struct Beside {
    floors: bool,
    papers: bool,
    counts: Vec<Count>,
}

/// The counts of all sets together; nothing where there is nothing to say.
fn qualities(rows: &[&Row]) -> String {
    let sets = rows.iter().filter(|row| !row.is_summary());
    let quality: Quality = sets.map(|row| row.quality()).sum();
    if quality.is_clean() { String::new() } else { format!(" Of all sets: {quality}.") }
}

fn main_table(scores: &Scores) -> String {
    let rows = scores.main_rows();
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
    let counts: Vec<_> =
        COUNTS.into_iter().filter(|(_, count)| rows.iter().any(|row| count(row) > 0)).collect();
    let names = counts.iter().map(|(name, _)| *name);
    for name in ["precision", "recall", "gold", "flaws"].into_iter().chain(names) {
        head += &format!("<th scope=\"col\">{name}</th>");
    }
    head += "<th scope=\"col\">sentences</th>";
    let beside = Beside { floors, papers, counts };
    let quality = qualities(&rows);
    let mut body = String::new();
    let mut sums = false;
    for row in rows {
        let class = match (row.is_summary(), sums) {
            (true, false) => " class=\"sum first\"",
            (true, true) => " class=\"sum\"",
            _ => "",
        };
        sums |= row.is_summary();
        body += &format!("<tr{class}>{}</tr>\n", cells(scores, row, &beside));
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
            &format!("<li><i class=\"other o{}\"></i>{}</li>", place.min(2), other_model(name));
    }
    let differs = if papers {
        " The paper's settings differ: another model and other training data, and its test sets may \
         be samples or other releases; its numbers are a direction, not a comparison."
    } else {
        ""
    };
    let mut main: Vec<Protocol> = scores.main_protocols().into_iter().map(|(_, it)| it).collect();
    main.sort_unstable();
    main.dedup();
    let defect = |it: &Protocol| {
        let of = if main.len() > 1 { format!(" of <code>{it}</code>") } else { String::new() };
        it.defect().map(|defect| format!(" Known defect{of}: {defect}."))
    };
    let defects: String = main.iter().filter_map(defect).collect();
    let protocols = protocols(scores);
    format!(
        "<p class=\"note\">F1 in percent, {protocols}.{defects}{differs}{quality}</p>\
         <div class=\"scroll\"><table class=\"f1\"><thead><tr>{head}</tr></thead>\
         <tbody>{body}</tbody></table></div><ul class=\"legend\">{legend}</ul>"
    )
}

/// What another column of scores is of.
fn other_model(name: &str) -> String {
    match name {
        "free" => "the same model without the grammar".to_owned(),
        name => format!("{} model", escape(name)),
    }
}

fn cells(scores: &Scores, row: &Row, beside: &Beside) -> String {
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
    if beside.floors {
        cells += &format!("<td>{}</td>", percent(scores.floor(row)));
    }
    if beside.papers {
        cells += &format!("<td>{}</td>", percent(scores.paper(row)));
    }
    for name in scores.baselines.keys() {
        cells += &format!("<td>{}</td>", percent(scores.baseline(name, row)));
    }
    for value in [percent(row.precision), percent(row.recall)]
        .into_iter()
        .chain([row.gold, row.flaws].map(count))
        .chain(beside.counts.iter().map(|(_, of)| count(of(row))))
        .chain([count(row.sentences)])
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
fn scale(scores: &Scores, row: &Row) -> String {
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
    for row in scores.questions() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use data_pipeline::score::MICRO;

    fn row(task: Task, dataset: &str, protocol: Protocol) -> Row {
        Row {
            dataset: dataset.into(),
            language: "en".into(),
            task,
            protocol,
            f1: Some(50.0),
            gold: 10,
            ..Row::default()
        }
    }

    fn run(rows: Vec<Row>) -> Run {
        Run { scores: Scores::from(rows), ..Run::default() }
    }

    #[test]
    fn a_task_that_the_first_protocol_does_not_define_is_on_the_page() {
        let mut run = run(vec![
            row(Task::Ner, "names", Protocol::B2ner),
            row(Task::Ner, "names", Protocol::Set),
            row(Task::Re, "pairs", Protocol::Set),
        ]);
        run.scores.absent = vec![Absent {
            dataset: None,
            language: None,
            task: Task::Re,
            protocol: Protocol::B2ner,
            why: "B2NER scores <entities> only".into(),
        }];
        let page = section(&run);
        // Once in the main table, once in that of all protocols.
        for name in ["names", "pairs"] {
            assert_eq!(page.matches(&format!("<bdi>{name}</bdi>")).count(), 2, "{name} in {page}");
        }
        for part in [
            "protocol <code>b2ner</code> for ner, <code>set</code> for re.",
            "Known defect of <code>b2ner</code>: ",
            "<p class=\"note\">no score of <code>b2ner</code> for re: B2NER scores &lt;entities&gt; only</p>",
        ] {
            assert!(page.contains(part), "no {part} in {page}");
        }
        let labels: Vec<String> = tiles(&run).into_iter().map(|(label, ..)| label).collect();
        assert_eq!(labels, ["NER F1 · names · en", "RE F1 · pairs · en"]);
        // With nothing but a reason.
        run.scores.rows.clear();
        assert!(section(&run).starts_with("<p class=\"note\">no score of"), "{}", section(&run));
    }

    #[test]
    fn what_f1_does_not_show_stands_beside_it() {
        let one = Row { unread: 3, cut: 1, ..row(Task::Ner, "a", Protocol::Set) };
        let other = Row { cut: 4, ..row(Task::Ner, "b", Protocol::Set) };
        let sum = Row { unread: 3, cut: 5, ..row(Task::Ner, MICRO, Protocol::Set) };
        let page = section(&run(vec![one, other, sum]));
        let quality = Quality { unread: 3, cut: 5, ..Quality::default() };
        assert!(page.contains(&escape(&format!("Of all sets: {quality}."))), "{page}");
        for head in ["unread", "cut", "sentences"] {
            assert!(page.contains(&format!("<th scope=\"col\">{head}</th>")), "{head}: {page}");
        }
        assert!(!page.contains("invented</th>") && !page.contains("outside</th>"), "{page}");
        let clean = section(&run(vec![row(Task::Ner, "a", Protocol::Set)]));
        assert!(!clean.contains("unread</th>") && !clean.contains("Of all sets"), "{clean}");
    }

    #[test]
    fn the_grammar_makes_no_other_model() {
        let mut run = run(vec![row(Task::Ner, "a", Protocol::Set)]);
        run.scores.baselines =
            ["base", "free"].map(|name| (name.to_owned(), run.scores.rows.clone())).into();
        let page = section(&run);
        assert!(page.contains("base model</li>"), "{page}");
        assert!(page.contains("the same model without the grammar</li>"), "{page}");
    }
}
