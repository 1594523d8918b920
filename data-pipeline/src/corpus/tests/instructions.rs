//! Answers of models, read back into annotation.
#![allow(clippy::unwrap_used)]

use super::{Fixture, check, check_files, declaration};
use expect_test::{Expect, expect};

const LABELS: &str = "[labels]\nPER = \"Person\"\nPerson = \"Person\"\nORG = \"Organization\"\nOrganization = \"Organization\"\nLOC = \"Location\"\nWork = \"WorksFor\"\nHire = \"Hiring\"\n[roles]\nBoss = \"employer\"\nNew = \"employee\"\nWhen = \"time\"\n";

/// Reads rows with the members `prompt` and `response`, the prompt being the sentence.
fn plain(form: &str, task: &str, misfits: usize, rows: &[(&str, &str)], expected: Expect) {
    let mut content = String::new();
    for (prompt, response) in rows {
        let row = serde_json::json!({ "prompt": prompt, "response": response });
        content += &row.to_string();
        content.push('\n');
    }
    let rest = format!(
        "[options]\nprompt = \"prompt\"\nresponse = \"response\"\nanswer = \"{form}\"\ntask = \"{task}\"\nattributes = [\"Type\"]\n[splits.train]\nfiles = [\"f\"]\nmisfits = {misfits}\n{LABELS}"
    );
    check("instructions", &rest, content, expected);
}

#[test]
fn rows_of_one_sentence_become_one() {
    let options = "[options]\nid = \"source\"\nprompt = \"instruction\"\nsentence_key = \"input\"\nresponse = \"output\"\nanswer = \"iepile\"\ntask = \"ner\"\n";
    check(
        "instructions",
        &format!("{options}{LABELS}"),
        concat!(
            r#"{"source": "s1", "instruction": "{\"schema\": [\"PER\"], \"input\": \"Ann met Ann in Rome.\"}", "output": "{\"PER\": [\"Ann\", \"Ann\", \"Ann\"]}"}"#,
            "\n",
            r#"{"source": "s2", "instruction": "{\"schema\": [\"LOC\"], \"input\": \"Ann met Ann in Rome.\"}", "output": "{\"LOC\": [\"Rome\"], \"ORG\": []}"}"#,
            "\n",
            r#"{"source": "s3", "instruction": "{\"input\": \"Nobody.\"}", "output": "{\"PER\": []}"}"#,
        ),
        expect![[r#"
            s1 (en): Ann met Ann in Rome. | Person Ann 0..3 | Person Ann 8..11 | Location Rome 15..19
            s3 (en): Nobody."#]],
    );
}

#[test]
fn relations_and_events_of_iepile_are_read() {
    plain(
        "iepile",
        "re",
        0,
        &[
            ("Ann runs Acme.", r#"{"Work": [{"head": "Ann", "tail": "Acme"}]}"#),
            ("Bob runs Acme.", r#"{"Work": [{"subject": "Bob", "object": "Acme"}]}"#),
        ],
        expect![[r#"
            x/train/1 (en): Ann runs Acme. | WorksFor(Ann, Acme)
            x/train/2 (en): Bob runs Acme. | WorksFor(Bob, Acme)"#]],
    );
    plain(
        "iepile",
        "eae",
        0,
        &[(
            "Acme hired Ann and Bob.",
            r#"{"Hire": [{"trigger": "hired", "arguments": {"Boss": "Acme", "New": ["Ann", "Bob"], "When": "NAN", "Type": "job"}}]}"#,
        )],
        expect![
            "x/train/1 (en): Acme hired Ann and Bob. | Hiring hired 5..10, employer = Acme 0..4, employee = Ann 11..14, employee = Bob 19..22"
        ],
    );
    plain(
        "iepile",
        "ed",
        0,
        &[("Acme hired Ann.", r#"{"Hire": ["hired"]}"#)],
        expect!["x/train/1 (en): Acme hired Ann. | Hiring hired 5..10"],
    );
}

#[test]
fn lists_of_labels_and_mentions_are_read() {
    plain(
        "instructuie",
        "ner",
        0,
        &[
            ("Ann runs Acme; Co in Rome", "PER: Ann; ORG: Acme; Co; LOC: Rome;"),
            ("Nobody.", "None"),
        ],
        expect![[r#"
            x/train/1 (en): Ann runs Acme; Co in Rome | Person Ann 0..3 | Organization Acme; Co 9..17 | Location Rome 21..25
            x/train/2 (en): Nobody."#]],
    );
    plain(
        "b2ner",
        "re",
        0,
        &[("Ann runs Acme, Inc.", "Work: Ann, Acme, Inc.")],
        expect!["x/train/1 (en): Ann runs Acme, Inc. | WorksFor(Ann, Acme, Inc.)"],
    );
}

#[test]
fn events_in_brackets_are_read_with_their_arguments() {
    let hired = "(type:Hire, trigger:hired, arguments:(name:Acme, Inc. (UK),role:Boss), (name:Ann,role:New), (name:Bob,role:New))";
    let both = format!("{hired}, (type:Hire, trigger:took on, arguments:None)");
    let text = "Acme, Inc. (UK) hired Ann and took on Bob.";
    plain(
        "instructuie",
        "eae",
        0,
        &[(text, &both), ("Nobody.", "None")],
        expect![[r#"
            x/train/1 (en): Acme, Inc. (UK) hired Ann and took on Bob. | Hiring hired 16..21, employer = Acme, Inc. (UK) 0..15, employee = Ann 22..25, employee = Bob 38..41 | Hiring took on 30..37
            x/train/2 (en): Nobody."#]],
    );
    plain(
        "instructuie",
        "ed",
        0,
        &[
            (text, hired),
            ("It's on.", "(type:Hire, trigger:It#$%#s, arguments:)"),
            ("Ann left.", "Hire: left"),
        ],
        expect![[r#"
            x/train/1 (en): Acme, Inc. (UK) hired Ann and took on Bob. | Hiring hired 16..21
            x/train/2 (en): It's on. | Hiring It's 0..4
            x/train/3 (en): Ann left. | Hiring left 4..8"#]],
    );
    plain(
        "instructuie",
        "eae",
        5,
        &[
            ("A left.", "Hire: left"),
            ("B left.", "(type:Hire, trigger:left, arguments:None"),
            ("C left.", "(type:Hire, arguments:None)"),
            ("D left.", "(type:Hire, trigger:left, arguments:Boss)"),
            ("E left.", "(type:Hire, trigger:left, arguments:(name:E))"),
            ("F left.", "(type:Hire, trigger:left, arguments:None)"),
        ],
        expect![[r#"
            x/train/6 (en): F left. | Hiring left 2..6
            quarantined f:1: the answer has no `(type:…, trigger:…, arguments:…)`, where alone arguments stand beside their event
            quarantined f:2: the event `(type:Hire, trigger:left, arguments:None` of the answer has no end
            quarantined f:3: the event `(type:Hire, arguments:None)` of the answer has no `trigger`
            quarantined f:4: `Boss` of the answer is no argument `(name:…,role:…)`
            quarantined f:5: `(name:E)` of the answer is no argument with a role"#]],
    );
}

#[test]
fn knowledge_graphs_are_read() {
    let answer = r#"{"PER": {"Ann": {"Work": ["Acme", "Brill"]}, "Bob": {"Work": "Acme", "Home": "NAN"}, "Eve": {}}, "ORG": {}}"#;
    let text = "Ann of Acme and Brill met Bob of Acme and Eve.";
    plain(
        "iepile",
        "re",
        0,
        &[(text, answer)],
        expect![
            "x/train/1 (en): Ann of Acme and Brill met Bob of Acme and Eve. | Person Ann 0..3 | Person Bob 26..29 | WorksFor(Ann, Acme) | WorksFor(Ann, Brill) | WorksFor(Bob, Acme)"
        ],
    );
    plain(
        "iepile",
        "ner",
        0,
        &[(text, answer)],
        expect![
            "x/train/1 (en): Ann of Acme and Brill met Bob of Acme and Eve. | Person Ann 0..3 | Person Bob 26..29 | Person Eve 42..45"
        ],
    );
    plain(
        "iepile",
        "re",
        3,
        &[
            ("Ann left.", r#"{"PER": {"Ann": "Acme"}}"#),
            ("Bob left.", r#"{"PER": {"Bob": {"Work": [1]}}}"#),
            ("Eve left.", r#"{"PER": {"Eve": {"Work": "Acme"}}}"#),
        ],
        expect![[r#"
            quarantined f:1: `PER`: `Ann` is a text, expected an object of attributes
            quarantined f:2: `PER`: `Work`: a number stands where a text should
            quarantined f:3: `Acme` is not in the sentence"#]],
    );
}

#[test]
fn our_own_answers_are_read_in_either_dialect() {
    plain(
        "knowcoder",
        "ner",
        0,
        &[
            ("Ann runs Acme.", "results = [\n\tPerson(\"Ann\"),\n\tOrganization(\"Acme\")\n]"),
            ("Nobody.", "results = []"),
        ],
        expect![[r#"
            x/train/1 (en): Ann runs Acme. | Person Ann 0..3 | Organization Acme 9..13
            x/train/2 (en): Nobody."#]],
    );
    // Nothing is escaped in the official dialect.
    plain(
        "knowcoder",
        "re",
        0,
        &[(
            "Ann \"O\" Lee runs Acme.",
            "results = [\n\tWork(Person(\"Ann \"O\" Lee\"), Organization(\"Acme\"))\n]",
        )],
        expect![[
            r#"x/train/1 (en): Ann "O" Lee runs Acme. | Person Ann "O" Lee 0..11 | Organization Acme 17..21 | WorksFor(Ann "O" Lee, Acme)"#
        ]],
    );
    plain(
        "knowcoder",
        "eae",
        0,
        &[(
            "Acme hired Ann.",
            "results = [\n\tHire(trigger = \"hired\", Boss = [Entity(\"Acme\")], New = [Entity(\"Ann\")])\n]",
        )],
        expect![
            "x/train/1 (en): Acme hired Ann. | Hiring hired 5..10, employer = Acme 0..4, employee = Ann 11..14"
        ],
    );
    let options = "[options]\nprompt = \"prompt\"\nresponse = \"output\"\nsentence_after = 'sentence = \"'\nsentence_before = '\"'\nanswer = \"knowcoder\"\ntask = \"ner\"\n";
    check(
        "instructions",
        &format!("{options}{LABELS}"),
        r#"{"prompt": "class Person(Entity):\n\tpass\n\nsentence = \"Ann \"left\".\"\n", "output": "results = [\n\tPerson(\"Ann\")\n]"}"#,
        expect![[r#"x/train/1 (en): Ann "left". | Person Ann 0..3"#]],
    );
}

#[test]
fn lists_of_python_objects_are_read() {
    plain(
        "gollie",
        "ner",
        0,
        &[
            (
                "Ann runs O'Hara's.",
                "result = [\n    Person(span=\"Ann\"),\n    ORG(span='O\\'Hara'),\n]",
            ),
            ("Nobody.", "[]"),
        ],
        expect![[r#"
            x/train/1 (en): Ann runs O'Hara's. | Person Ann 0..3 | Organization O'Hara 9..15
            x/train/2 (en): Nobody."#]],
    );
    plain(
        "gollie",
        "re",
        0,
        &[("Ann runs Acme.", "[Work(arg1=\"Ann\", arg2=\"Acme\")]")],
        expect!["x/train/1 (en): Ann runs Acme. | WorksFor(Ann, Acme)"],
    );
    plain(
        "gollie",
        "eae",
        0,
        &[(
            "Acme hired Ann.",
            "[Hire(mention=\"hired\", Type=\"job\", Boss=[\"Acme\"], New=[\"Ann\"], When=[])]",
        )],
        expect![
            "x/train/1 (en): Acme hired Ann. | Hiring hired 5..10, employer = Acme 0..4, employee = Ann 11..14"
        ],
    );
    plain(
        "gollie",
        "ner",
        3,
        &[
            ("b", "[Person(span=1 + 1)]"),
            ("c", "Person(span=\"Ann\")"),
            ("d", "[Person(span=\"Ann\", age=\"Ann\")]"),
            ("e", "[]"),
        ],
        expect![[r#"
            x/train/4 (en): e
            quarantined f:1: the answer is not a list of objects with texts
            quarantined f:2: the answer is not a list
            quarantined f:3: `Person` has not the arguments of its task"#]],
    );
}

#[test]
fn answers_that_do_not_fit_are_misfits_with_their_sentence() {
    plain(
        "iepile",
        "ner",
        6,
        &[
            ("Ann left.", r#"{"PER": ["Ann"]}"#),
            ("Ann left.", r#"{"LOC": ["Rome"]}"#),
            ("Ann left.", r#"{"ORG": []}"#),
            ("Bob left.", "PER: Bob"),
            ("Eve left.", r#"["Eve"]"#),
            ("Joe left.", r#"{"PER": "Joe"}"#),
            ("Pat left.", r#"{"PER": [{"head": "Pat"}]}"#),
            ("Sue left.", r#"{"PER": ["Sue"]}"#),
        ],
        expect![[r#"
            x/train/6 (en): Sue left. | Person Sue 0..3
            quarantined f:2: `Rome` is not in the sentence
            quarantined f:4: the answer: broken JSON: expected value
            quarantined f:5: the answer is a list, expected an object of labels
            quarantined f:6: `PER` of the answer is a text, expected a list
            quarantined f:7: `PER`: an object stands where a text should"#]],
    );
    plain(
        "knowcoder",
        "ner",
        1,
        &[("Ann left.", "I see Person(\"Ann"), ("Bob left.", "results = []")],
        expect![[r#"
            x/train/2 (en): Bob left.
            quarantined f:1: the answer: missing-list: expected `results = [`"#]],
    );
    plain(
        "instructuie",
        "re",
        2,
        &[("Ann left.", "Work: Ann"), ("Bob left.", "nothing"), ("Eve left.", "None")],
        expect![[r#"
            x/train/3 (en): Eve left.
            quarantined f:1: `Ann` of the answer is not two mentions of the sentence
            quarantined f:2: `nothing` of the answer is not a label, `:` and a mention"#]],
    );
}

const FACTORY: &str = "[options]\ncontainer = \"array\"\ndataset_info = \"dataset_info.json\"\nanswer = \"b2ner\"\ntask = \"ner\"\n[splits.train]\nfiles = [\"d/rows.json\"]\n";

fn factory(info: &str, rest: &str, rows: &str, expected: Expect) {
    let files =
        [("data/d/dataset_info.json", info.as_bytes()), ("data/d/rows.json", rows.as_bytes())];
    check_files("instructions", &format!("{rest}{LABELS}"), &files, expected);
}

#[test]
fn rows_are_built_as_llama_factory_says() {
    factory(
        r#"{"other": {"hf_hub_url": "x/y"}, "mine": {"file_name": "rows.json", "columns": {"prompt": "ask", "response": "say"}}}"#,
        FACTORY,
        r#"[{"ask": "List the entities.", "input": "Ann left.", "say": "PER: Ann"}, {"ask": "Bob left.", "input": "", "say": "PER: Bob"}]"#,
        expect![[r#"
            x/train/1 (en): Ann left. | Person Ann 0..3
            x/train/2 (en): Bob left. | Person Bob 0..3"#]],
    );
    factory(
        r#"{"mine": {"file_name": "rows.json", "formatting": "sharegpt", "columns": {"messages": "talk"}, "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}}}"#,
        &FACTORY.replace(
            "task =",
            "sentence_after = \"Text: \"\nsentence_before = \"\\nAnswer:\"\ntask =",
        ),
        r#"[{"talk": [{"role": "system", "content": "You read."}, {"role": "user", "content": "Text: Ann left.\nAnswer:"}, {"role": "assistant", "content": "PER: Ann"}, {"role": "user", "content": "Text: Bob left.\nAnswer:"}, {"role": "assistant", "content": "PER: Bob"}]}]"#,
        expect![[r#"
            x/train/1 (en): Ann left. | Person Ann 0..3
            x/train/2 (en): Bob left. | Person Bob 0..3"#]],
    );
}

#[test]
fn what_llama_factory_does_not_say_is_named() {
    factory(
        r#"{"mine": {"file_name": "row.json"}}"#,
        FACTORY,
        "[]",
        expect![
            "data/d/dataset_info.json:1: no data set has the `file_name` `rows.json`; did you mean `row.json`? [65]"
        ],
    );
    factory(
        r#"{"mine": {"file_name": "rows.json", "formatting": "sharegpt"}}"#,
        &FACTORY.replace("files =", "misfits = 2\nfiles ="),
        r#"[{"talk": []}, {"conversations": [{"from": "gpt", "value": "PER: Ann"}]}, {"conversations": [{"from": "human", "value": "Ann"}, {"from": "gpt", "value": "PER: Ann"}]}]"#,
        expect![[r#"
            x/train/3 (en): Ann | Person Ann 0..3
            quarantined rows.json:1: there is no list `conversations`
            quarantined rows.json:1: an answer comes before its question"#]],
    );
    let fixture = Fixture::new(&[]);
    let corpus = fixture.declare(&declaration("instructions", FACTORY)).unwrap();
    let files = corpus.files("train").unwrap();
    let names: Vec<String> =
        files.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["rows.json", "dataset_info.json"]);
}

#[test]
fn options_that_cannot_be_meant_are_refused() {
    let refused = |options: &str, expected: Expect| {
        check("instructions", &format!("[options]\n{options}"), "{}", expected);
    };
    let paths = "prompt = \"p\"\nresponse = \"r\"\n";
    refused(
        "prompt = \"p\"\n",
        expect![
            "configs/datasets/x.toml: [options] needs `prompt` and `response`: paths to texts; or `dataset_info` [64]"
        ],
    );
    refused(
        &format!("{paths}dataset_info = \"i\"\n"),
        expect![
            "configs/datasets/x.toml: [options] has `dataset_info`, which says where `prompt` and `response` stand [64]"
        ],
    );
    refused(
        paths,
        expect![
            "configs/datasets/x.toml: [options] needs `answer`: `iepile`, `instructuie`, `knowcoder` or `gollie` [64]"
        ],
    );
    refused(
        &format!("{paths}answer = \"gollie\"\n"),
        expect![
            "configs/datasets/x.toml: [options] needs `task`, what is answered: `ner`, `re`, `ed` or `eae` [64]"
        ],
    );
    refused(
        &format!("{paths}sentence_before = \"x\"\n"),
        expect![
            "configs/datasets/x.toml: [options] has `sentence_before`, but no `sentence_after` [64]"
        ],
    );
    refused(
        &format!("{paths}container = \"parquet\"\nanswer = \"gollie\"\ntask = \"ner\"\n"),
        expect![
            "configs/datasets/x.toml: [options] reads JSON: `container` is `lines`, `array`, `stream` or `object` [64]"
        ],
    );
}
