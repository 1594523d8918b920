//! Rows of shards as a page: every token a box, what a group shares once, its rows side by side.
//!
//! Boxes stand in the order of the row, from left to right, whatever direction a script has. What has
//! a loss differs in colour, in a thick line below and in a star before the id; so it does without
//! colours, in print and for a reader who does not see them.

use super::html::{count, escape};
use super::{Page, Section, header};
use data_pipeline::inspect::{Group, Member, Part, Token};
use data_pipeline::width::{printable, visible};

/// What is shown, and where it is from.
pub struct Shown<'a> {
    /// The run, recipe, folder or dataset.
    pub source: &'a str,
    /// The phase.
    pub phase: &'a str,
    /// All rows of the phase.
    pub rows: usize,
    /// How many ids the vocabulary has.
    pub vocabulary: usize,
    /// The hash of the tokenizer's file.
    pub tokenizer: &'a str,
    /// The rows.
    pub groups: &'a [Group],
}

/// The whole page.
pub fn page(shown: &Shown) -> String {
    let facts = [
        ("phase", printable(shown.phase)),
        ("rows of the phase", count(shown.rows)),
        ("vocabulary", format!("{} ids", count(shown.vocabulary))),
        ("tokenizer", shown.tokenizer.chars().take(12).collect()),
    ];
    let mut sections: Vec<Section> = vec![Section::new("rows", "Rows", index(shown.groups))];
    sections.extend(shown.groups.iter().map(group));
    let page = Page {
        title: printable(&format!("{}, {}", shown.source, shown.phase)),
        // The switch stands before everything that it changes: a style sheet sees only what follows.
        header: format!(
            "<input type=\"checkbox\" id=\"numbers\" checked>\n{}",
            header("knowcoder data inspect", &printable(shown.source), &facts, "") + LEGEND
        ),
        sections,
        style: include_str!("rows.css"),
        script: "",
        empty: "No row was asked for.",
    };
    page.to_html()
}

/// What boxes, colours and signs mean, and the switch for the numbers.
const LEGEND: &str = "<aside>\n<label for=\"numbers\">ids and positions</label>\n\
    <ul class=\"legend\">\
    <li><span class=\"t\"><bdi>piece</bdi><i>id</i><i>position</i></span> a token</li>\
    <li><span class=\"t s\"><bdi>piece</bdi><i>*id</i><i>position</i></span> with a loss</li>\
    <li><span class=\"t b\"><bdi>&lt;0xE4&gt;</bdi><i>id</i><i>position</i></span> a byte of a \
    character</li>\
    <li><span class=\"t b\"><bdi>&lt;0xAD&gt;<em>=中</em></bdi><i>id</i><i>position</i></span> \
    what bytes spell</li>\
    <li><b>␣</b> space</li><li><b>↵</b> end of line</li><li><b>→</b> tab</li></ul>\n</aside>\n";

/// A line a row, with links; nothing for a single one.
fn index(groups: &[Group]) -> String {
    let members: Vec<(&Group, &Member)> = groups
        .iter()
        .flat_map(|group| group.members.iter().map(move |member| (group, member)))
        .collect();
    if members.len() < 2 {
        return String::new();
    }
    let rows: String = members
        .into_iter()
        .map(|(group, member)| {
            format!(
                "<tr><th scope=\"row\"><a href=\"#row-{row}\">row {row}</a></th>\
                 <td class=\"left wrap\">{id}</td><td class=\"left\">{tags}</td>\
                 <td>{group}</td><td>{tokens}</td><td>{supervised}</td></tr>",
                row = member.row,
                id = name(&member.sample_id),
                tags = tags(member),
                group = group.group,
                tokens = count(member.positions().end),
                supervised = count(member.answer.tokens.len()),
            )
        })
        .collect();
    format!(
        "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">row</th>\
         <th scope=\"col\">sample</th><th scope=\"col\" class=\"left\">of</th>\
         <th scope=\"col\">group</th><th scope=\"col\">tokens</th>\
         <th scope=\"col\">with a loss</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

fn group(group: &Group) -> Section {
    let rows = &group.rows;
    let of = match rows.len() {
        1 => format!("Row {} has this group for itself.", rows.start),
        all if group.is_partial() => format!(
            "{} of its {all} rows ({}–{}) are shown; --group shows all.",
            group.members.len(),
            rows.start,
            rows.end - 1
        ),
        all => format!("{all} rows, {}–{}.", rows.start, rows.end - 1),
    };
    let prefix = match group.prefix.tokens.len() {
        0 => "<p class=\"note\">No prefix: its rows share nothing.</p>".to_owned(),
        tokens => format!(
            "<details open><summary>prefix, which its rows share: positions 0–{} ({} tokens)\
             </summary><div class=\"tokens\">{}</div></details>",
            tokens - 1,
            count(tokens),
            boxes(&group.prefix)
        ),
    };
    let members: String = group.members.iter().map(member).collect();
    let body = format!(
        "<p class=\"note\">{of}</p>{prefix}<div class=\"members n{}\">{members}</div>",
        group.members.len().min(3)
    );
    // One group may be shown in parts, a row here and a row there.
    let first = group.members.first().map_or(rows.start, |member| member.row);
    Section::new(format!("group-{}-{first}", group.group), format!("Group {}", group.group), body)
}

fn member(member: &Member) -> String {
    let positions = member.positions();
    format!(
        "<article id=\"row-{row}\"><h3>row {row} <small>{tags}</small></h3>\
         <p class=\"id\">{id}</p>\
         <p class=\"note\">positions {first}–{last}: {prompt} tokens of the prompt, {answer} with a \
         loss, from position {loss}</p>\
         <div class=\"tokens\">{prompt_boxes}</div>\
         <p class=\"learned\">answer · loss from position {loss}</p>\
         <div class=\"tokens\">{answer_boxes}</div></article>\n",
        row = member.row,
        tags = tags(member),
        id = name(&member.sample_id),
        first = positions.start,
        last = positions.end.saturating_sub(1),
        prompt = count(member.prompt.tokens.len()),
        answer = count(member.answer.tokens.len()),
        loss = member.loss_from,
        prompt_boxes = boxes(&member.prompt),
        answer_boxes = boxes(&member.answer),
    )
}

/// Dataset, language and task.
fn tags(member: &Member) -> String {
    [&member.dataset, &member.language, &member.task]
        .map(|tag| format!("<span class=\"tag\">{}</span>", name(tag)))
        .concat()
}

/// A name of somebody else's choice.
fn name(text: &str) -> String {
    format!("<bdi>{}</bdi>", escape(&printable(text)))
}

/// A box a token; a new line behind each that ends one.
fn boxes(part: &Part) -> String {
    let mut html = String::with_capacity(part.tokens.len() * 80);
    for token in &part.tokens {
        html += &token_box(token);
        if token.piece.contains('\n') {
            html += "<br>";
        }
    }
    html
}

fn token_box(token: &Token) -> String {
    let Token { position, id, piece, bytes, spells, supervised } = token;
    let class = match (supervised, bytes) {
        (true, true) => "t s b",
        (true, false) => "t s",
        (false, true) => "t b",
        (false, false) => "t",
    };
    let spells = spells
        .as_ref()
        .map_or(String::new(), |text| format!("<em dir=\"auto\">={}</em>", escape(&visible(text))));
    let star = if *supervised { "*" } else { "" };
    format!(
        "<span class=\"{class}\"><bdi>{}{spells}</bdi><i>{star}{id}</i><i>{position}</i></span>",
        escape(&visible(piece))
    )
}

#[cfg(test)]
mod tests {
    use super::super::assert_sound;
    use super::*;
    use expect_test::expect;

    fn part(from: usize, supervised: bool, pieces: &[&str]) -> Part {
        let token = |(place, piece): (usize, &&str)| Token {
            position: from + place,
            id: 7,
            piece: (*piece).to_owned(),
            bytes: piece.starts_with("<0x"),
            spells: (*piece == "<0xAD>").then(|| "中".to_owned()),
            supervised,
        };
        Part { text: pieces.concat(), tokens: pieces.iter().enumerate().map(token).collect() }
    }

    fn row(row: usize, prompt: &[&str]) -> Member {
        Member {
            row,
            sample_id: "s/1\u{202e}</script><img>".to_owned(),
            dataset: "a\"b".to_owned(),
            language: "zh".to_owned(),
            task: "ner".to_owned(),
            loss_from: 2 + prompt.len(),
            prompt: part(2, false, prompt),
            answer: part(2 + prompt.len(), true, &["results = []", "</s>"]),
        }
    }

    fn shown(members: Vec<Member>) -> String {
        let groups =
            [Group { group: 9, rows: 3..5, prefix: part(0, false, &["class", " A\n"]), members }];
        page(&Shown {
            source: "runs/<x>",
            phase: "0-instruction",
            rows: 1234,
            vocabulary: 125_696,
            tokenizer: "0123456789abcdef",
            groups: &groups,
        })
    }

    #[test]
    fn a_token_is_a_box() {
        let boxes = |pieces: &[&str], supervised| boxes(&part(5, supervised, pieces));
        expect![[r#"<span class="t"><bdi>␣é</bdi><i>7</i><i>5</i></span><span class="t"><bdi>a↵→</bdi><i>7</i><i>6</i></span><br><span class="t b"><bdi>&lt;0xAD&gt;<em dir="auto">=中</em></bdi><i>7</i><i>7</i></span>"#]]
            .assert_eq(&boxes(&[" é", "a\n\t", "<0xAD>"], false));
        expect![[r#"<span class="t s"><bdi>&lt;/s&gt;</bdi><i>*7</i><i>5</i></span>"#]]
            .assert_eq(&boxes(&["</s>"], true));
    }

    #[test]
    fn hostile_text_stays_text() {
        let hostile =
            ["</script><script>alert(1)</script>", "' onload='x", "\u{202e}\x1b[2J\0", "&lt;"];
        let page = shown(vec![row(3, &hostile), row(4, &hostile)]);
        assert_sound(&page);
        for expected in [
            "<bdi>&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;</bdi>",
            "<bdi>&#39;␣onload=&#39;x</bdi>",
            "<bdi>&lt;U+202E&gt;␛[2J␀</bdi>",
            "<bdi>&amp;lt;</bdi>",
            "<bdi>s/1&lt;U+202E&gt;&lt;/script&gt;&lt;img&gt;</bdi>",
            "<bdi>a&quot;b</bdi>",
            "runs/&lt;x&gt;",
        ] {
            assert!(page.contains(expected), "no {expected}");
        }
        assert!(!page.contains(['\u{202e}', '\x1b', '\0']));
    }

    #[test]
    fn a_group_shares_its_prefix_once() {
        let page = shown(vec![row(3, &["a"]), row(4, &["b"])]);
        assert_eq!(page.matches("positions 0–1 (2 tokens)").count(), 1);
        assert!(page.contains("2 rows, 3–4.") && page.contains("<a href=\"#row-4\">row 4</a>"));
        let alone = shown(vec![row(4, &["b"])]);
        assert!(
            alone.contains("1 of its 2 rows (3–4) are shown") && !alone.contains("href=\"#row")
        );
    }
}
