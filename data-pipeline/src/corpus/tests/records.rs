//! Each shape of JSON that the general reader is declared for.
#![allow(clippy::unwrap_used)]

use super::check;
use expect_test::expect;

/// Labels and roles of the corpora with events here.
const HIRING: &str = "[labels]\nPER = \"Person\"\nORG = \"Organization\"\nHire = \"Hiring\"\n[roles]\nBoss = \"employer\"\nNew = \"employee\"\nWhen = \"time\"\n";

const DYGIE: &str = r#"{"doc_key": "d", "sentences": [["Ann", "works"], ["at", "Acme", ".", "Bob", "left"]], "ner": [[[0, 0, "PER"]], [[3, 3, "ORG"], [5, 5, "PER"]]], "relations": [[[0, 0, 3, 3, "Work"]], [[5, 5, 3, 3, "Work"]]]}"#;

const DYGIE_OPTIONS: &str = r#"
id = "doc_key"
sentences = "sentences.*"
tokens = "*"
end_is = "inclusive"
[options.entities]
path = "ner.*.*"
label = "2"
mention = { start = "0", end = "1" }
[options.relations]
path = "relations.*.*"
label = "4"
head = { start = "0", end = "1" }
tail = { start = "2", end = "3" }
"#;

#[test]
fn documents_are_cut_into_their_sentences() {
    check(
        "json",
        &format!("[options]{DYGIE_OPTIONS}"),
        DYGIE,
        expect![[r#"
            d/1 (en): Ann works | Person Ann 0..3
            d/2 (en): at Acme . Bob left | Organization Acme 3..7 | Person Bob 10..13 | WorksFor(Bob, Acme)
            dropped {"Work (across sentences)": 1}"#]],
    );
    // What is left out still counts: published numbers count it.
    check(
        "json",
        &format!(
            "[options]{DYGIE_OPTIONS}[splits.train]\nfiles = [\"f\"]\nentities = 3\nrelations = 2\n"
        ),
        DYGIE,
        expect![[r#"
            d/1 (en): Ann works | Person Ann 0..3
            d/2 (en): at Acme . Bob left | Organization Acme 3..7 | Person Bob 10..13 | WorksFor(Bob, Acme)
            dropped {"Work (across sentences)": 1}"#]],
    );
    check(
        "json",
        &format!("[options]\nrows = \"document\"{DYGIE_OPTIONS}"),
        DYGIE,
        expect![
            "d (en): Ann works at Acme . Bob left | Person Ann 0..3 | Organization Acme 13..17 | Person Bob 20..23 | WorksFor(Ann, Acme) | WorksFor(Bob, Acme)"
        ],
    );
}

#[test]
fn a_file_may_be_one_record_with_nested_events() {
    let options = r#"[options]
container = "object"
id = "sourcefile"
text = "content"
[options.events]
path = "cyberevent.hopper.*.events.*"
label = "subtype"
trigger = { start = "nugget.startOffset", end = "nugget.endOffset", surface = "nugget.text" }
[[options.events.arguments]]
path = "argument?.*"
role = "role.type"
mention = { start = "startOffset", end = "endOffset", surface = "text" }
"#;
    check(
        "json",
        &format!("{options}{HIRING}"),
        r#"{"content": "Acme hired Ann.", "sourcefile": "1.txt", "cyberevent": {"hopper": [
            {"events": [{"subtype": "Hire", "nugget": {"startOffset": 5, "endOffset": 10, "text": "hired"}, "argument": [{"startOffset": 0, "endOffset": 4, "text": "Acme", "role": {"type": "Boss"}}]}]},
            {"events": [{"subtype": "Hire", "nugget": {"startOffset": 5, "endOffset": 10, "text": "hired"}}]}]}}"#,
        expect![
            "1.txt (en): Acme hired Ann. | Hiring hired 5..10, employer = Acme 0..4 | Hiring hired 5..10"
        ],
    );
}

#[test]
fn starts_with_surfaces_may_be_of_several_mentions_and_pieces() {
    let options = r#"[options]
id = "id"
text = "context"
[options.events]
path = "annotations.*.events.*"
label = "event_type"
trigger = { start = "Trigger.start.*", surface = "Trigger.text.*" }
[[options.events.arguments]]
path = "Boss|New"
role = "@-1"
mention = { start = "start.*", surface = "text.*" }
[[options.events.arguments]]
path = "New?.Day?"
role = "=When"
mention = { start = "start.*", surface = "text.*" }
"#;
    check(
        "json",
        &format!("{options}{HIRING}"),
        r#"{"id": "p1", "context": "Acme hired the tall Ann on Monday.", "annotations": [{"events": [{"event_type": "Hire", "Trigger": {"text": [["hired"]], "start": [[5]]}, "Boss": {"text": [["Acme"]], "start": [[0]]}, "New": {"text": [["tall", "Monday"], ["Ann"]], "start": [[15, 27], [20]], "Day": {"text": [["Monday"]], "start": [[27]]}}}]}]}
{"id": "p2", "context": "hired", "annotations": [{"events": [{"event_type": "Hire", "Trigger": {"text": [["hired"]], "start": [[0]]}}]}]}"#,
        expect![[r#"
            p1 (en): Acme hired the tall Ann on Monday. | Hiring hired 5..10, employer = Acme 0..4, employee = tall Monday 15..19+27..33, employee = Ann 20..23, time = Monday 27..33
            p2 (en): hired | Hiring hired 0..5"#]],
    );
}

#[test]
fn pieces_are_lists_or_listed() {
    let options = |mention: &str| {
        format!(
            "[options]\ntext = \"text\"\n[options.entities]\npath = \"spans.*\"\nlabel = \"=PER\"\nmention = {mention}\n"
        )
    };
    let pieces = "{ pieces = \"at.*\", start = \"0\", end = \"1\", surface = \"text.*\" }";
    check(
        "json",
        &format!("{}[splits.train]\nfiles = [\"f\"]\nmisfits = 1\n", options(pieces)),
        r#"{"text": "Ann or Bob Lee", "spans": [{"at": [[0, 3], [11, 14]], "text": ["Ann", "Lee"]}, {"at": [[7, 14]], "text": ["Bob Lee"]}, {"at": [[0, 3], [4, 6]], "text": ["Ann", "or"]}, {"at": [[0, 3], [11, 14]], "text": ["Ann Lee"]}]}
{"text": "Ann or Bob Lee", "spans": [{"at": [[0, 3], [11, 14]], "text": ["Bob", "Lee"]}]}"#,
        expect![[r#"
            x/train/1 (en): Ann or Bob Lee | Person Ann or 0..6 | Person Ann Lee 0..3+11..14 | Person Bob Lee 7..14
            quarantined f:2: `PER`: characters 0..3 read `Ann`, but the row says `Bob`"#]],
    );
    let lengths = "{ start = \"start\", length = \"length\", surface = \"text?\" }";
    check(
        "json",
        &format!("{}[splits.train]\nfiles = [\"f\"]\nmisfits = 2\n", options(lengths)),
        r#"{"text": "Ann or Bob Lee", "spans": [{"start": 7, "length": 3}, {"start": [0, 11], "length": [3, 3], "text": "Ann Lee"}]}
{"text": "Ann or Bob Lee", "spans": [{"start": [0, 11], "length": [3, 3], "text": "Ann Poe"}]}
{"text": "Ann or Bob Lee", "spans": [{"start": [0, 11], "length": [3]}]}"#,
        expect![[r#"
            x/train/1 (en): Ann or Bob Lee | Person Ann Lee 0..3+11..14 | Person Bob 7..10
            quarantined f:2: `PER` at characters 0..3, 11..14 (end exclusive) reads `Ann Lee`, but the row says `Ann Poe`
            quarantined f:3: `PER`: 2 pieces start, but they have 1 lengths"#]],
    );
    let surfaces = "{ surface = \"text\" }";
    check(
        "json",
        &options(surfaces),
        r#"{"text": "Ann or Bob Lee", "spans": [{"text": ["Ann", "Lee"]}, {"text": ["Bob"]}]}"#,
        expect![[
            r#"x/train/1 (en): Ann or Bob Lee | Person Ann Lee 0..3+11..14 | Person Bob 7..10"#
        ]],
    );
}

#[test]
fn arguments_may_be_ids_of_entities_and_tokens_lie_on_a_text() {
    let options = r#"[options]
id = "doc_id"
sentences = "sentences.*"
tokens = "0.*.0"
text = "1"
[options.entities]
path = "entity_mentions.*"
label = "entity_type"
id = "id"
mention = { start = "start", end = "end" }
[options.events]
path = "event_mentions.*"
label = "event_type"
trigger = { start = "trigger.start", end = "trigger.end" }
[[options.events.arguments]]
path = "arguments.*"
role = "role"
mention = { entity = "entity_id" }
"#;
    check(
        "json",
        &format!("{options}{HIRING}"),
        r#"{"doc_id": "w", "sentences": [[[["Acme", 0], ["'s", 4]], "Acme's"], [[["Ann", 0], ["hired", 4], ["Bob", 10]], "Ann hired Bob"]], "entity_mentions": [{"id": "e1", "start": 0, "end": 1, "entity_type": "ORG"}, {"id": "e2", "start": 4, "end": 5, "entity_type": "PER"}], "event_mentions": [{"event_type": "Hire", "trigger": {"start": 3, "end": 4}, "arguments": [{"entity_id": "e1", "role": "Boss"}, {"entity_id": "e2", "role": "New"}]}]}"#,
        expect![[r#"
            w/1 (en): Acme's | Organization Acme 0..4
            w/2 (en): Ann hired Bob | Person Bob 10..13 | Hiring hired 4..9, employee = Bob 10..13
            dropped {"Boss (across sentences)": 1}"#]],
    );
}

#[test]
fn arguments_of_relations_may_be_strings_without_a_type() {
    let options = r#"[options]
container = "array"
text = "text"
[options.relations]
path = "triple_list.*"
label = "1"
head = { surface = "0" }
tail = { surface = "2" }
"#;
    check(
        "json",
        &format!("{options}[splits.train]\nfiles = [\"f\"]\nentities = 0\nrelations = 2\n"),
        r#"[{"text": "Annaville's Ann is at Acme .", "triple_list": [["Ann", "Work", "Acme"]]},
            {"text": "安在艾克米工作", "triple_list": [["安", "Work", "艾克米"]]}]"#,
        expect![[r#"
            x/train/1 (en): Annaville's Ann is at Acme . | WorksFor(Ann, Acme)
            x/train/2 (en): 安在艾克米工作 | WorksFor(安, 艾克米)"#]],
    );
    // With labels of their own they are entities, each once.
    check(
        "json",
        &options
            .replace("surface = \"0\"", "surface = \"0\", label = \"=PER\"")
            .replace("surface = \"2\"", "surface = \"2\", label = \"3\""),
        r#"[{"text": "Ann left Acme for Exco", "triple_list": [["Ann", "Work", "Acme", "ORG"], ["Ann", "Work", "Exco", "ORG"]]}]"#,
        expect![
            "x/train/1 (en): Ann left Acme for Exco | Person Ann 0..3 | Organization Acme 9..13 | Organization Exco 18..22 | WorksFor(Ann, Acme) | WorksFor(Ann, Exco)"
        ],
    );
}

#[test]
fn a_map_from_labels_to_records_gives_the_label() {
    check(
        "json",
        r#"[options]
container = "object"
records = "*.*"
tokens = "tokens.*"
end_is = "inclusive"
[options.relations]
path = "."
label = "@1"
head = { start = "h.2.0.0", end = "h.2.0.-1" }
tail = { start = "t.2.0.0", end = "t.2.0.-1" }
"#,
        r#"{"Work": [{"tokens": ["Ann", "Lee", "joined", "Acme"], "h": ["ann lee", "Q1", [[0, 1]]], "t": ["acme", "Q2", [[3]]]}]}"#,
        expect!["x/train/1 (en): Ann Lee joined Acme | WorksFor(Ann Lee, Acme)"],
    );
}

#[test]
fn clusters_are_related_where_their_mentions_share_a_sentence() {
    check(
        "json",
        r#"[options]
container = "array"
id = "title"
sentences = "sents.*"
tokens = "*"
[options.entities]
path = "vertexSet.*.*"
label = "type"
id = "@1"
mention = { start = "pos.0", end = "pos.1", sentence = "sent_id", surface = "name" }
[options.relations]
path = "labels?.*"
label = "r"
head = { entity = "h" }
tail = { entity = "t" }
"#,
        r#"[{"title": "D", "sents": [["Ann", "left", "."], ["She", "joined", "Acme"]], "vertexSet": [[{"name": "Ann", "pos": [0, 1], "sent_id": 0, "type": "PER"}, {"name": "She", "pos": [0, 1], "sent_id": 1, "type": "PER"}], [{"name": "Acme", "pos": [2, 3], "sent_id": 1, "type": "ORG"}]], "labels": [{"h": 0, "t": 1, "r": "Work"}]}]"#,
        expect![[r#"
            D/1 (en): Ann left . | Person Ann 0..3
            D/2 (en): She joined Acme | Person She 0..3 | Organization Acme 11..15 | WorksFor(She, Acme)"#]],
    );
}

#[test]
fn spans_count_characters_or_bytes() {
    let options = "[options]\ncontainer = \"array\"\ntext = \"text\"\n[options.entities]\npath = \"entities.*\"\nlabel = \"label\"\nmention = { start = \"start\", end = \"end\" }\n";
    check(
        "json",
        options,
        r#"[{"text": "Zoë in Rome", "entities": [{"start": 7, "end": 11, "label": "LOC"}, {"start": 0, "end": 3, "label": "PER"}]}]"#,
        expect!["x/train/1 (en): Zoë in Rome | Person Zoë 0..3 | Location Rome 7..11"],
    );
    check(
        "json",
        &options.replace("text = \"text\"", "text = \"text\"\nunit = \"byte\""),
        r#"[{"text": "Zoë in Rome", "entities": [{"start": 8, "end": 12, "label": "LOC"}, {"start": "0", "end": "4", "label": "PER"}]}]"#,
        expect!["x/train/1 (en): Zoë in Rome | Person Zoë 0..3 | Location Rome 7..11"],
    );
}

#[test]
fn tags_are_names_or_numbers_of_names() {
    let options = "[options]\ntokens = \"tokens.*\"\ntags = \"ner.tags.*\"\n";
    check(
        "json",
        &format!("{options}tag_names = [\"O\", \"B-PER\", \"I-PER\", \"B-LOC\"]\n"),
        r#"{"tokens": ["Ann", "Lee", "in", "Rome"], "ner": {"tags": [1, 2, 0, 3]}}"#,
        expect!["x/train/1 (en): Ann Lee in Rome | Person Ann Lee 0..7 | Location Rome 11..15"],
    );
    check(
        "json",
        &format!("{options}joiner = \"\"\n"),
        r#"{"tokens": ["安", "在", "京"], "ner": {"tags": ["B-PER", "O", "B-LOC"]}}"#,
        expect!["x/train/1 (en): 安在京 | Person 安 0..1 | Location 京 2..3"],
    );
}

#[test]
fn mentions_without_offsets_are_located() {
    let options = "[options]\ntext = \"text\"\n[options.entities]\npath = \"entity.*\"\nlabel = \"type\"\nmention = { surface = \"entity\" }\n";
    let line =
        r#"{"text": "Anna met Ann, then Ann left", "entity": [{"entity": "Ann", "type": "PER"}]}"#;
    check(
        "json",
        options,
        line,
        expect!["x/train/1 (en): Anna met Ann, then Ann left | Person Ann 9..12"],
    );
    check(
        "json",
        &options.replace("text = \"text\"", "text = \"text\"\nlocate = \"all\""),
        line,
        expect![
            "x/train/1 (en): Anna met Ann, then Ann left | Person Ann 9..12 | Person Ann 19..22"
        ],
    );
}

#[test]
fn formats_with_readers_of_their_own_can_be_declared() {
    check(
        "json",
        r#"[options]
container = "array"
id = "orig_id"
tokens = "tokens.*"
[options.entities]
path = "entities.*"
label = "type"
id = "@1"
mention = { start = "start", end = "end" }
[options.relations]
path = "relations.*"
label = "type"
head = { entity = "head" }
tail = { entity = "tail" }
"#,
        r#"[{"tokens": ["Ann", "works", "at", "Acme", "."], "entities": [{"type": "ORG", "start": 3, "end": 4}, {"type": "PER", "start": 0, "end": 1}], "relations": [{"type": "Work", "head": 1, "tail": 0}], "orig_id": 7}]"#,
        expect![
            "7 (en): Ann works at Acme . | Person Ann 0..3 | Organization Acme 13..17 | WorksFor(Ann, Acme)"
        ],
    );
    check(
        "json",
        r#"[options]
container = "stream"
text = "text"
end_is = "inclusive"
[options.entities]
path = "label.*.*.*"
label = "@1"
mention = { start = "0", end = "1", surface = "@2" }
"#,
        "{\n \"text\": \"李明在京，李明走。\",\n \"label\": {\"PER\": {\"李明\": [[5, 6], [0, 1]]},\n \"LOC\": {\"京\": [[3, 3]]}}\n}",
        expect![
            "x/train/1 (en): 李明在京，李明走。 | Person 李明 0..2 | Location 京 3..4 | Person 李明 5..7"
        ],
    );
    let fewfc = r#"[options]
id = "id"
text = "content"
[options.events]
path = "events.*"
label = "type"
[options.events.trigger]
start = "mentions.*[role=trigger].span.0"
end = "mentions.*[role=trigger].span.1"
surface = "mentions.*[role=trigger].word"
[[options.events.arguments]]
path = "mentions.*[role!=trigger]"
role = "role"
mention = { start = "span.0", end = "span.1", surface = "word" }
"#;
    check(
        "json",
        &format!("{fewfc}{HIRING}"),
        r#"{"id": "a", "content": "甲聘用乙", "events": [{"type": "Hire", "mentions": [{"word": "乙", "span": [3, 4], "role": "New"}, {"word": "聘用", "span": [1, 3], "role": "trigger"}, {"word": "甲", "span": [0, 1], "role": "Boss"}]}]}"#,
        expect!["a (en): 甲聘用乙 | Hiring 聘用 1..3, employer = 甲 0..1, employee = 乙 3..4"],
    );
}
