//! Elements beside a text and in it, read and refused.
#![allow(clippy::unwrap_used)]

use super::{Fixture, check, check_files, declaration};
use expect_test::{Expect, expect};

const LABELS: &str = "[labels]\nPER = \"Person\"\n\"ORG:Commercial\" = \"Organization\"\n\"GPE:\" = \"Location\"\nWork = \"WorksFor\"\n\"Personnel:Hire\" = \"Hiring\"\n\"PER:\" = \"Person\"\nLOC = \"Location\"\nHire = \"Hiring\"\n[roles]\nBoss = \"employer\"\nNew = \"employee\"\nWhen = \"time\"\n";

/// Options for a file of the form of ACE 2005.
const APF: &str = r#"[options]
record = "document"
id = "@DOCID"
suffix = ".apf.xml"
text_file = "*.sgm"
within = ["TEXT"]
sentences = "sentences"
end_is = "inclusive"
[options.entities]
path = "entity?.*.entity_mention.*"
label = "{^.@TYPE}:{^.@SUBTYPE?}"
id = "@ID"
mention = { start = "head.0.charseq.0.@START", end = "head.0.charseq.0.@END", surface = "head.0.charseq.0.#text" }
[options.relations]
path = "relation?.*.relation_mention.*"
label = "^.@TYPE"
head = { entity = "relation_mention_argument.*[@ROLE=Arg-1].@REFID" }
tail = { entity = "relation_mention_argument.*[@ROLE=Arg-2].@REFID" }
[options.events]
path = "event?.*.event_mention.*"
label = "{^.@TYPE}:{^.@SUBTYPE}"
trigger = { start = "anchor.0.charseq.0.@START", end = "anchor.0.charseq.0.@END", surface = "anchor.0.charseq.0.#text" }
[[options.events.arguments]]
path = "event_mention_argument?.*"
role = "@ROLE"
mention = { entity = "@REFID" }
[splits.train]
files = ["d/*.apf.xml"]
misfits = 1
"#;

/// Offsets count what is outside of tags: the line ends, and `&amp;` as five.
const SGM: &str = "<DOC>\n<DOCID> a.1 </DOCID>\n<TEXT>\nThe Bank of Rome hired Dr. Ann\nLee. B&amp;C of\nRome did not.\n</TEXT>\n</DOC>\n";

fn apf(replaced: &str, by: &str, expected: Expect) {
    let charseq = |text: &str, surface: &str| {
        // As ACE counts: the text without its tags, character by character.
        let bare =
            "\n a.1 \n\nThe Bank of Rome hired Dr. Ann\nLee. B&amp;C of\nRome did not.\n\n\n";
        let start = bare.find(text).unwrap();
        let end = start + text.len() - 1;
        format!("<charseq START=\"{start}\" END=\"{end}\">{surface}</charseq>")
    };
    let mention = |id: &str, text: &str| {
        let head = charseq(text, text);
        format!(
            "<entity_mention ID=\"{id}\" TYPE=\"NAM\"><extent>{head}</extent><head>{head}</head></entity_mention>"
        )
    };
    let xml = format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE source_file SYSTEM \"apf.v5.1.1.dtd\">\n<source_file URI=\"a.sgm\">\n<document DOCID=\"a.1\">\n\
         <entity ID=\"E1\" TYPE=\"ORG\" SUBTYPE=\"Commercial\">{bank}{bc}</entity>\n\
         <entity ID=\"E2\" TYPE=\"GPE\">{rome}</entity>\n\
         <entity ID=\"E3\" TYPE=\"PER\">{ann}</entity>\n\
         <relation ID=\"R1\" TYPE=\"Work\"><relation_mention ID=\"R1-1\"><relation_mention_argument REFID=\"E3-1\" ROLE=\"Arg-1\"/><relation_mention_argument REFID=\"E1-1\" ROLE=\"Arg-2\"/></relation_mention></relation>\n\
         <event ID=\"V1\" TYPE=\"Personnel\" SUBTYPE=\"Hire\"><event_mention ID=\"V1-1\"><anchor>{hired}</anchor><event_mention_argument REFID=\"E1-1\" ROLE=\"Boss\"/><event_mention_argument REFID=\"E3-1\" ROLE=\"New\"/></event_mention></event>\n\
         </document>\n</source_file>\n",
        bank = mention("E1-1", "Bank of Rome"),
        bc = mention("E1-2", "B&amp;C"),
        rome = mention("E2-1", "Rome"),
        ann = mention("E3-1", "Ann\nLee"),
        hired = charseq("hired", "hired"),
    );
    assert!(replaced.is_empty() || xml.contains(replaced), "{xml}");
    let xml = xml.replace(replaced, by);
    let files = [("data/d/a.1.apf.xml", xml.as_bytes()), ("data/d/a.1.sgm", SGM.as_bytes())];
    check_files("xml", &format!("{APF}{LABELS}"), &files, expected);
}

#[test]
fn elements_beside_a_text_count_what_is_outside_its_tags() {
    apf(
        "Arg-1",
        "Arg-1",
        expect![[r#"
            a.1/1 (en): The Bank of Rome hired Dr. Ann Lee. | Organization Bank of Rome 4..16 | Location Rome 12..16 | Person Ann Lee 27..34 | WorksFor(Ann Lee, Bank of Rome) | Hiring hired 17..22, employer = Bank of Rome 4..16, employee = Ann Lee 27..34
            a.1/2 (en): B&C of Rome did not. | Organization B&C 0..3"#]],
    );
}

#[test]
fn elements_that_do_not_fit_are_misfits_with_their_record() {
    apf(
        "REFID=\"E3-1\" ROLE=\"New\"",
        "REFID=\"E9-1\" ROLE=\"New\"",
        expect![
            "quarantined a.1.apf.xml:4: item a.1: `New` points at entity `E9-1`, which the row does not have"
        ],
    );
    apf(
        ">hired<",
        ">fired<",
        expect![
            "quarantined a.1.apf.xml:4: item a.1: `Personnel:Hire`: characters 25..30 read `hired`, but the row says `fired`"
        ],
    );
    apf(
        " DOCID=",
        " DOC=",
        expect!["quarantined a.1.apf.xml:4: `@DOCID`: there is no `@DOCID`; did you mean `@DOC`?"],
    );
}

/// Elements in the text, as TimeML and DIANN have them.
fn inline(record: &str, expected: Expect, xml: &str) {
    let options = format!(
        "[options]\n{record}content = \"TEXT\"\n[options.entities]\npath = 'TEXT.*.**[#name=NAME]'\nlabel = \"@type\"\nmention = {{ start = \"#start\", end = \"#end\" }}\n[options.events]\npath = 'TEXT.*.**[#name=EVENT]'\nlabel = \"@class\"\ntrigger = {{ start = \"#start\", end = \"#end\", surface = \"#text\" }}\n"
    );
    check("xml", &format!("{options}{LABELS}"), xml, expected);
}

#[test]
fn elements_in_a_text_stand_where_they_mark_it() {
    inline(
        "id = \"ID.0.#text\"\n",
        expect![
            "t1 (en): Zoë & <Co> hired Ann of Rome | Person Zoë 0..3 | Person Ann of Rome 17..28 | Location Rome 24..28 | Hiring hired 11..16"
        ],
        "<D><ID>t1</ID><TEXT><NAME type='PER'>Zo&#235;</NAME> &amp; <![CDATA[<Co>]]> <EVENT class='Hire'>hired</EVENT> <NAME type='PER'>Ann <!-- x -->of <NAME type='LOC'>Rome</NAME></NAME></TEXT></D>",
    );
    inline(
        "record = \"S\"\n",
        expect![[r#"
            x/train/1 (en): Ann left | Person Ann 0..3
            x/train/2 (en): Bob"#]],
        "<DS>\n<S><TEXT><NAME type='PER'>Ann</NAME> left</TEXT></S>\n<S n='2'><TEXT>Bob</TEXT></S>\n<S2/></DS>",
    );
}

#[test]
fn a_text_may_be_an_element_with_offsets_beside_it() {
    let options = "[options]\nrecord = \"passage\"\ntext = \"text.0.#text\"\n[options.entities]\npath = \"annotation?.*\"\nlabel = \"infon.*[@key=type].#text\"\nmention = { pieces = \"location.*\", start = \"@offset\", length = \"@length\", surface = \"text.0.#text\" }\n";
    check(
        "xml",
        &format!("{options}{LABELS}"),
        "<collection><document><passage><text>Ann or Bob Lee</text><annotation id='1'><infon key='id'>7</infon><infon key='type'>PER</infon><location offset='0' length='3'/><location offset='11' length='3'/><text>Ann Lee</text></annotation><annotation id='2'><infon key='type'>PER</infon><location offset='7' length='7'/><text>Bob Lee</text></annotation></passage></document></collection>",
        expect![
            "x/train/1 (en): Ann or Bob Lee | Person Ann Lee 0..3+11..14 | Person Bob Lee 7..14"
        ],
    );
}

#[test]
fn offsets_may_count_the_markup() {
    let options = "[options]\ntext_file = \"../source/*.xml\"\nsuffix = \".rich_ere.xml\"\nmarkup = \"counted\"\nwithin = [\"post\"]\nsentences = \"lines\"\n[options.entities]\npath = \"entities.*.entity.*.entity_mention.*\"\nlabel = \"^.@type\"\nid = \"@id\"\nmention = { start = \"@offset\", length = \"@length\", surface = \"mention_text.0.#text\" }\n[options.events]\npath = \"hoppers?.*.hopper.*.event_mention.*\"\nlabel = \"@subtype\"\ntrigger = { start = \"trigger.0.@offset\", length = \"trigger.0.@length\" }\n[[options.events.arguments]]\npath = \"em_arg?.*[@entity_id!=none]\"\nrole = \"@role\"\nmention = { entity = \"@entity_mention_id\" }\n[splits.train]\nfiles = [\"ere/*.rich_ere.xml\"]\n";
    let text = "<doc>\n<post id=\"p1\">Ann &amp; Bob\nwere hired</post>\n</doc>";
    let at = |word: &str| text.find(word).unwrap();
    let xml = format!(
        "<deft_ere><entities><entity id='e1' type='PER'><entity_mention id='m1' offset='{}' length='3'><mention_text>Ann</mention_text></entity_mention><entity_mention id='m2' offset='{}' length='3'><mention_text>Bob</mention_text></entity_mention></entity></entities><hoppers><hopper><event_mention subtype='Hire'><trigger offset='{}' length='5'>hired</trigger><em_arg entity_id='e1' entity_mention_id='m1' role='New'/></event_mention></hopper></hoppers></deft_ere>",
        at("Ann"),
        at("Bob"),
        at("hired")
    );
    let files =
        [("data/ere/x.rich_ere.xml", xml.as_bytes()), ("data/source/x.xml", text.as_bytes())];
    check_files(
        "xml",
        &format!("{options}{LABELS}"),
        &files,
        expect![[r#"
            x/train/1 (en): Ann & Bob | Person Ann 0..3 | Person Bob 6..9
            x/train/2 (en): were hired | Hiring hired 5..10
            dropped {"New (across sentences)": 1}"#]],
    );
}

#[test]
fn what_is_no_xml_is_refused_with_its_line() {
    let refused = |xml: &str, expected: Expect| inline("", expected, xml);
    refused(
        "<D>\n<TEXT>a</D>",
        expect![
            "data/f:2: is not XML: ill-formed document: expected `</TEXT>`, but `</D>` was found [65]"
        ],
    );
    refused(
        "<D>\n<TEXT>a",
        expect!["data/f:2: the file ends inside of `TEXT`; fetch it again [65]"],
    );
    refused(
        "<!DOCTYPE D [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>\n<D><TEXT>&b;</TEXT></D>",
        expect!["data/f:2: `&b;` is none of the five entities of XML; write the character [65]"],
    );
    let deep = format!("<D><TEXT>{}x", "<a>".repeat(70));
    refused(&deep, expect!["data/f:1: `a` stands in 64 others, which is as deep as may be [65]"]);
    refused("no element", expect!["data/f:1: the file holds no sentence [65]"]);
}

#[test]
fn options_that_cannot_be_meant_are_refused() {
    let refused = |options: &str, expected: Expect| {
        let entities = "[options.entities]\npath = \"e.*\"\nlabel = \"@t\"\nmention = { start = \"#start\", end = \"#end\" }\n";
        check("xml", &format!("[options]\n{options}\n{entities}"), "<a/>", expected);
    };
    refused(
        "text_file = \"*.sgm\"\ncontent = \"TEXT\"",
        expect![
            "configs/datasets/x.toml: [options] has several of `text_file`, `text` and `content`: write one of them [64]"
        ],
    );
    refused(
        "markup = \"counted\"",
        expect![
            "configs/datasets/x.toml: [options] has `suffix`, `markup` or `within`, but no `text_file` [64]"
        ],
    );
    refused(
        "text_file = \"/a\"",
        expect![
            "configs/datasets/x.toml: [options] `text_file` is a name as seen from the folder of the XML [64]"
        ],
    );
    check(
        "xml",
        "[options]\nrecord = \"a\"\n",
        "<a/>",
        expect![
            "configs/datasets/x.toml: [options] needs `tags`, `entities`, `relations` or `events` [64]"
        ],
    );
}

#[test]
fn the_text_is_one_of_the_files() {
    let fixture = Fixture::new(&[("data/d/a.apf.xml", b"<a/>"), ("data/d/a.sgm", b"")]);
    let corpus = fixture.declare(&format!("{}{LABELS}", declaration("xml", APF))).unwrap();
    let names: Vec<String> = corpus
        .files("train")
        .unwrap()
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["a.apf.xml", "a.sgm"]);
}
