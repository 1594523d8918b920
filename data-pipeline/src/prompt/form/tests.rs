//! What prompts and answers look like in each form.

#![allow(clippy::unwrap_used)]

mod json;
mod list;
mod native;

use crate::prompt::*;
use crate::sentence::{Entity, Event, Mention, Relation, Span};
use expect_test::{Expect, expect};

const SCHEMA: &str = r#"
from Entities import Organization

class Person(Entity):
    """
    Description: A human being.
    Examples: Ann Lee, Bo
    """
    names = {"zh": "人物"}
    examples = {"zh": ["李明"]}
class Company(Organization):
    names = {"zh": "公司"}
class WorksFor(Relation):
    """Description: Employment"""
    names = {"zh": "任职"}
    def __init__(self, head_entity: Person, tail_entity: Company | Entity): ...
class Layoff(Event):
    """
    Description: Staff is dismissed.
    Examples: fired
    """
    names = {"zh": "裁员"}
    roles = {"zh": {"employer": "用人单位"}}
    def __init__(self, trigger: str, employer: List[Company], number: List[Entity]): ...
"#;

fn schema() -> Schema {
    Schema::parse(SCHEMA, std::path::Path::new("schema.py")).unwrap()
}

fn mention(sentence: &str, text: &str) -> Mention {
    let start = sentence.split(text).next().unwrap().chars().count();
    let span = Span { start, end: start + text.chars().count() };
    Mention { span: Some(span), ..Mention::surface(text) }
}

/// A company, a person who works for it, and a layoff with its employer and number.
fn sentence(language: &str, text: &str, names: [&str; 4]) -> Sentence {
    let [company, person, trigger, number] = names.map(|name| mention(text, name));
    let company = Entity { class: "Company".to_owned(), mention: company };
    let person = Entity { class: "Person".to_owned(), mention: person };
    let arguments =
        vec![("employer".to_owned(), company.mention.clone()), ("number".to_owned(), number)];
    Sentence {
        id: "1".to_owned(),
        text: text.to_owned(),
        language: language.to_owned(),
        entities: vec![person.clone(), company.clone()],
        relations: vec![Relation { class: "WorksFor".to_owned(), head: person, tail: company }],
        events: vec![Event { class: "Layoff".to_owned(), trigger, arguments }],
    }
}

fn english() -> Sentence {
    sentence("en", "Acme fired 9 people; Bo left Acme.", ["Acme", "Bo", "fired", "9 people"])
}

fn chinese() -> Sentence {
    sentence("zh", "华为裁员百人，李明离开华为。", ["华为", "李明", "裁员", "百人"])
}

fn plain(form: Form) -> PromptConfig {
    let source = TextLanguage::Source;
    PromptConfig { form, system: false, task_sentence: source, ..PromptConfig::default() }
}

fn under_native_names(form: Form) -> PromptConfig {
    PromptConfig {
        names: NameLanguage::Native,
        classes: ClassStyle::Names,
        task_sentence: TextLanguage::None,
        ..plain(form)
    }
}

/// The three parts of an example with their seams; tabs and spaces at line ends made visible.
fn shown(example: Example) -> String {
    let text = format!("{}¦{}¦{}", example.prefix, example.prompt, example.answer);
    text.replace('\t', "→").replace(" \n", "·\n")
}

/// The prompt about a sentence; its answer must be read as the sentence's own objects.
fn check(task: Task, sentence: &Sentence, config: &PromptConfig, text: Expect) {
    let schema = schema();
    let classes = schema.of_task(task);
    let example = extraction(&schema, &classes, task, sentence, config);
    let answer = read(&example.answer, &schema, &classes, task, sentence, config, false);
    assert_eq!(answer.flaws, []);
    let gold = order::ordered(sentence.instances(task), Dialect::Python);
    assert_eq!(answer.instances, gold);
    text.assert_eq(&shown(example));
}

#[test]
fn each_form_tells_its_flaws() {
    let schema = schema();
    let flaws = |config: &PromptConfig, task, answer: &str| -> Vec<String> {
        let read = read(answer, &schema, &schema.of_task(task), task, &chinese(), config, false);
        let classes: Vec<String> =
            read.instances.iter().map(|object| object.class().to_owned()).collect();
        let flaws = read.flaws.iter().map(ToString::to_string);
        std::iter::once(classes.join(" ")).chain(flaws).collect()
    };
    let unknown = "unknown-class: class `Ship` was not offered";
    let absent = "not-in-sentence: `Bo` is not in the sentence";
    for (form, answer) in [
        (Form::Code, "results = [\n\tShip(\"华为\"),\n\tPerson(\"Bo\")\n]"),
        (Form::List, "- Ship: 华为\n- Person: Bo\nend"),
        (
            Form::Json,
            "[{\"type\":\"Ship\",\"name\":\"华为\"},{\"type\":\"Person\",\"name\":\"Bo\"}]",
        ),
    ] {
        assert_eq!(flaws(&plain(form), Task::Ner, answer), ["Ship Person", unknown, absent]);
    }
    let role = "unknown-role: `Layoff` has no role `ship`";
    for (form, answer) in [
        (Form::Code, "results = [\n\tLayoff(trigger = \"裁员\", ship = [Entity(\"华为\")])\n]"),
        (Form::List, "- Layoff: 裁员; ship: 华为\nend"),
        (
            Form::Json,
            "[{\"type\":\"Layoff\",\"trigger\":\"裁员\",\"arguments\":[{\"role\":\"ship\",\"name\":\"华为\"}]}]",
        ),
    ] {
        assert_eq!(flaws(&plain(form), Task::Eae, answer), ["Layoff", role]);
    }
    // Another name of an offered class is understood, but nobody offered it.
    let english = "unknown-class: class `Person` was not offered";
    for (form, answer) in [
        (Form::Code, "results = [\n\tPerson(\"李明\"),\n\t公司(\"华为\")\n]"),
        (Form::List, "- Person: 李明\n- 公司: 华为\nend"),
        (
            Form::Json,
            "[{\"type\":\"Person\",\"name\":\"李明\"},{\"type\":\"公司\",\"name\":\"华为\"}]",
        ),
    ] {
        assert_eq!(
            flaws(&under_native_names(form), Task::Ner, answer),
            ["Person Company", english]
        );
    }
    // The answer of another form is no answer.
    for (form, answer) in [
        (Form::Code, "- Person: 李明\nend"),
        (Form::List, "[{\"type\":\"Person\",\"name\":\"李明\"}]"),
        (Form::Json, "results = [\n\tPerson(\"李明\")\n]"),
    ] {
        let found = flaws(&plain(form), Task::Ner, answer);
        assert!(found[0].is_empty() && found.len() > 1, "{found:?}");
    }
}

#[test]
fn pairs_are_aligned_in_every_form() {
    let schema = schema();
    let pair = Parallel { source: english(), target: chinese() };
    let ask = |config: &PromptConfig| {
        shown(alignment(&schema, &schema.of_task(Task::Ner), &pair, config))
    };
    expect![[r#"
        Types of entities:
        - 人物
        - 公司

        ¦Text: Acme fired 9 people; Bo left Acme.

        - 公司: Acme
        - 人物: Bo
        end

        Text: 华为裁员百人，李明离开华为。

        ¦- 公司: 华为
        - 人物: 李明
        end"#]]
    .assert_eq(&ask(&under_native_names(Form::List)));
    let english = PromptConfig { names: NameLanguage::English, ..under_native_names(Form::Json) };
    expect![[r#"
        {"entities":[
        "Person",
        "Company"
        ]}

        ¦Text: "Acme fired 9 people; Bo left Acme."

        [
        {"type":"Company","name":"Acme"},
        {"type":"Person","name":"Bo"}
        ]

        Text: "华为裁员百人，李明离开华为。"

        ¦[
        {"type":"Company","name":"华为"},
        {"type":"Person","name":"李明"}
        ]"#]]
    .assert_eq(&ask(&english));
}

#[test]
fn schemas_are_understood_in_every_form() {
    let schema = schema();
    let define = |class: &str, language, config: &PromptConfig| {
        shown(definition(schema.class(class).unwrap(), &schema, language, config))
    };
    expect![[r#"
        ¦¦Types of events:
        - Layoff: Staff is dismissed. Examples: fired. Roles: employer (Company), number (Entity)."#]]
    .assert_eq(&define("Layoff", "en", &plain(Form::List)));
    expect![[r#"
        ¦¦{"events":[
        {"type":"Layoff","description":"Staff is dismissed.","examples":["fired"],"roles":{"employer":["Company"],"number":["Entity"]}}
        ]}"#]]
    .assert_eq(&define("Layoff", "en", &plain(Form::Json)));
    expect![[r#"
        ¦¦class 人物(Entity):
        →"""
        →Description: A human being.
        →Examples: 李明
        →"""
        →pass"#]]
    .assert_eq(&define("Person", "zh", &under_native_names(Form::Code)));
    let lesson = |task, config: &PromptConfig| shown(instances(task, &chinese(), &schema, config));
    expect![[r#"
        ¦¦抽取下面句子中的关系。
        文本: 华为裁员百人，李明离开华为。

        - WorksFor: Person: 李明; Company: 华为
        end"#]]
    .assert_eq(&lesson(Task::Re, &plain(Form::List)));
    expect![[r#"
        ¦¦抽取下面句子中的实体。
        文本: "华为裁员百人，李明离开华为。"

        [
        {"type":"Company","name":"华为"},
        {"type":"Person","name":"李明"}
        ]"#]]
    .assert_eq(&lesson(Task::Ner, &plain(Form::Json)));
    expect![[r#"
        ¦¦sentence = "华为裁员百人，李明离开华为。"

        from Entities import Entity
        from Events import 裁员

        results = [
        →裁员(
        →→trigger = "裁员",
        →→用人单位 = [Entity("华为")],
        →→number = [Entity("百人")]
        →)
        ]"#]]
    .assert_eq(&lesson(Task::Eae, &under_native_names(Form::Code)));
}

#[test]
fn the_system_text_names_the_form() {
    let schema = schema();
    for (form, words) in [
        (Form::Code, "in the form of structured code.\nInput:\n"),
        (Form::List, "in the form of a list.\nInput:\n"),
        (Form::Json, "in the form of JSON.\nInput:\n"),
    ] {
        let config = PromptConfig { system: true, ..plain(form) };
        let example =
            extraction(&schema, &schema.of_task(Task::Ner), Task::Ner, &english(), &config);
        assert!(example.prefix.contains(words), "{}", example.prefix);
        assert!(example.prompt.ends_with("\n\nOutput:\n"), "{}", example.prompt);
    }
}

#[test]
fn settings_that_cannot_go_together_are_refused() {
    let check = |config: PromptConfig, message: Expect| {
        message.assert_eq(&config.check().err().unwrap_or_default());
    };
    let official = |form| PromptConfig { dialect: Dialect::Official, ..plain(form) };
    check(plain(Form::Json), expect![""]);
    check(under_native_names(Form::List), expect![""]);
    check(official(Form::Code), expect![""]);
    check(
        official(Form::List),
        expect![[
            r#"prompt.dialect = "official" is a dialect of code, prompt.form is "list"; leave one of them out"#
        ]],
    );
    check(
        PromptConfig { names: NameLanguage::Native, ..official(Form::Code) },
        expect![[
            r#"prompt.dialect = "official" writes names as they are, so that not every one of prompt.names = "native" could be read back; leave one of them out"#
        ]],
    );
}

#[test]
fn the_settings_of_today_are_written_as_before() {
    let json = serde_json::to_string(&PromptConfig::default()).unwrap();
    assert!(!json.contains("form") && !json.contains("\"names\":\"e"), "{json}");
    let config: PromptConfig = serde_json::from_str(&json).unwrap();
    assert_eq!(config, PromptConfig::default());
    let config: PromptConfig = toml::from_str("form = \"json\"\nnames = \"native\"").unwrap();
    assert_eq!((config.form, config.names), (Form::Json, NameLanguage::Native));
}
