//! What prompts and answers look like.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::sentence::{Entity, Event, Mention, Relation};
use expect_test::{Expect, expect};

const SCHEMA: &str = r#"
class Person(Entity):
    """
    Description: A human being.
    Examples: Ann Lee, Bo
    """
    descriptions = {"zh": "人。"}
    examples = {"zh": ["李明"]}
class Company(Organization): pass
class WorksFor(Relation):
    """Description: Employment."""
    def __init__(self, head_entity: Person, tail_entity: Company | Entity): ...
class Layoff(Event):
    """
    Description: Staff is dismissed.
    Examples: fired
    """
    def __init__(self, trigger: str, employer: List[Company], number: List[Entity]): ...
class Hiring(Event): pass
"#;

fn schema() -> Schema {
    let source = format!("from Entities import Organization\n{SCHEMA}");
    Schema::parse(&source, std::path::Path::new("schema.py")).unwrap()
}

fn mention(sentence: &str, text: &str) -> Mention {
    let start = sentence.split(text).next().unwrap().chars().count();
    Mention::at(text, start, start + text.chars().count())
}

fn entity(sentence: &str, class: &str, text: &str) -> Entity {
    Entity { class: class.to_owned(), mention: mention(sentence, text) }
}

fn sentence(language: &str, text: &str, entities: &[(&str, &str)]) -> Sentence {
    Sentence {
        id: "1".to_owned(),
        text: text.to_owned(),
        language: language.to_owned(),
        entities: entities.iter().map(|(class, name)| entity(text, class, name)).collect(),
        ..Sentence::default()
    }
}

fn layoff() -> Sentence {
    let text = "华为裁员百人，李明离开华为。";
    let (person, company) = (entity(text, "Person", "李明"), entity(text, "Company", "华为"));
    Sentence {
        entities: vec![person.clone(), company.clone()],
        relations: vec![Relation { class: "WorksFor".to_owned(), head: person, tail: company }],
        events: vec![Event {
            class: "Layoff".to_owned(),
            trigger: mention(text, "裁员"),
            arguments: vec![
                ("number".to_owned(), mention(text, "百人")),
                ("employer".to_owned(), mention(text, "华为")),
            ],
        }],
        ..sentence("zh", text, &[])
    }
}

/// The three parts of an example with their seams; tabs and spaces at line ends made visible.
fn check(example: Example, text: Expect) {
    let shown = format!("{}¦{}¦{}", example.prefix, example.prompt, example.answer);
    text.assert_eq(&shown.replace('\t', "→").replace(" \n", "·\n"));
}

fn small() -> PromptConfig {
    PromptConfig {
        classes: ClassStyle::Names,
        system: false,
        task_sentence: TextLanguage::None,
        ..PromptConfig::default()
    }
}

#[test]
fn a_full_prompt() {
    let schema = schema();
    let config = PromptConfig::default();
    let ask = |task| extraction(&schema, &schema.of_task(task), task, &layoff(), &config);
    check(
        ask(Task::Ner),
        expect![[r#"
        You are a highly skilled assistant at digesting and extracting information from textual content. Below is an input containing standard type definitions and textual content. Please complete it with the extracted information in the form of structured code.
        Input:
        from Entities import Organization

        class Entity:
        →"""
        →The base class for all entities.
        →"""
        →def __init__(self, name: str):
        →→self.name = name

        class Person(Entity):
        →"""
        →Description: A human being.
        →Examples: 李明
        →"""
        →pass

        class Company(Organization):
        →"""
        →Description:·
        →Examples:·
        →"""
        →pass

        """
        This is an object-oriented programming task: some Entity Classes are defined above. Please instantiate all the corresponding Entity Objects in the following sentence.
        """
        ¦sentence = "华为裁员百人，李明离开华为。"

        Output:
        ¦results = [
        →Company("华为"),
        →Person("李明")
        ]"#]],
    );
    check(
        ask(Task::Re),
        expect![[r#"
        You are a highly skilled assistant at digesting and extracting information from textual content. Below is an input containing standard type definitions and textual content. Please complete it with the extracted information in the form of structured code.
        Input:
        from Entities import Person, Company

        class Entity:
        →"""
        →The base class for all entities.
        →"""
        →def __init__(self, name: str):
        →→self.name = name

        class Relation:
        →"""
        →The base class for all relations.
        →"""
        →def __init__(self, head_entity: Entity, tail_entity: Entity):
        →→self.head_entity = head_entity
        →→self.tail_entity = tail_entity

        class WorksFor(Relation):
        →"""
        →Description: Employment.
        →Examples:·
        →"""
        →def __init__(self, head_entity: Person, tail_entity: Company | Entity):
        →→super().__init__(head_entity = head_entity, tail_entity = tail_entity)

        """
        This is an object-oriented programming task: some Relation Classes and related Entity Classes are defined above. Please instantiate all the corresponding Relation Objects in the following sentence.
        """
        ¦sentence = "华为裁员百人，李明离开华为。"

        Output:
        ¦results = [
        →WorksFor(Person("李明"), Company("华为"))
        ]"#]],
    );
    check(
        ask(Task::Eae),
        expect![[r#"
        You are a highly skilled assistant at digesting and extracting information from textual content. Below is an input containing standard type definitions and textual content. Please complete it with the extracted information in the form of structured code.
        Input:
        from Entities import Company

        class Entity:
        →"""
        →The base class for all entities.
        →"""
        →def __init__(self, name: str):
        →→self.name = name

        class Event:
        →"""
        →The base class for all events.
        →"""
        →def __init__(self, trigger: str):
        →→self.trigger = trigger

        class Layoff(Event):
        →"""
        →Description: Staff is dismissed.
        →"""
        →def __init__(
        →→self,
        →→trigger: str, # Examples: fired,·
        →→employer: List[ Company ],
        →→number: List[ Entity ]
        →):
        →→super().__init__(trigger = trigger)
        →→self.employer = employer
        →→self.number = number

        class Hiring(Event):
        →"""
        →Description:·
        →"""
        →def __init__(
        →→self,
        →→trigger: str # Examples:·
        →):
        →→super().__init__(trigger = trigger)

        ¦"""
        This is an object-oriented programming task: some Event Classes are defined above. Please instantiate all the corresponding Event Objects in the following sentence. It is important to note that the triggers of the events are confirmed as follows: "裁员" is the trigger of event type "Layoff".
        """
        sentence = "华为裁员百人，李明离开华为。"

        Output:
        ¦results = [
        →Layoff(trigger = "裁员", employer = [Entity("华为")], number = [Entity("百人")])
        ]"#]],
    );
}

#[test]
fn a_small_prompt() {
    let schema = schema();
    let ask = |task| extraction(&schema, &schema.of_task(task), task, &layoff(), &small());
    check(
        ask(Task::Ner),
        expect![[r#"
        class Person(Entity): pass
        class Company(Entity): pass

        ¦sentence = "华为裁员百人，李明离开华为。"

        ¦results = [
        →Company("华为"),
        →Person("李明")
        ]"#]],
    );
    check(
        ask(Task::Re),
        expect![[r#"
        class WorksFor(Relation): pass

        ¦sentence = "华为裁员百人，李明离开华为。"

        ¦results = [
        →WorksFor(Person("李明"), Company("华为"))
        ]"#]],
    );
    check(
        ask(Task::Ed),
        expect![[r#"
        class Layoff(Event): pass
        class Hiring(Event): pass

        ¦sentence = "华为裁员百人，李明离开华为。"

        ¦results = [
        →Layoff("裁员")
        ]"#]],
    );
    check(
        ask(Task::Eae),
        expect![[r#"
        class Layoff(Event): employer, number
        class Hiring(Event): pass

        ¦trigger = Layoff("裁员")
        sentence = "华为裁员百人，李明离开华为。"

        ¦results = [
        →Layoff(trigger = "裁员", employer = [Entity("华为")], number = [Entity("百人")])
        ]"#]],
    );
}

#[test]
fn a_chinese_prompt() {
    let schema = schema();
    let zh = TextLanguage::Zh;
    let config = PromptConfig { task_sentence: zh, descriptions: zh, ..PromptConfig::default() };
    let config = PromptConfig { system: false, max_examples: 0, ..config };
    let ask = |task| extraction(&schema, &schema.of_task(task), task, &layoff(), &config);
    check(
        ask(Task::Eae),
        expect![[r#"
        from Entities import Company

        class Entity:
        →"""
        →The base class for all entities.
        →"""
        →def __init__(self, name: str):
        →→self.name = name

        class Event:
        →"""
        →The base class for all events.
        →"""
        →def __init__(self, trigger: str):
        →→self.trigger = trigger

        class Layoff(Event):
        →"""
        →Description: Staff is dismissed.
        →"""
        →def __init__(
        →→self,
        →→trigger: str,
        →→employer: List[ Company ],
        →→number: List[ Entity ]
        →):
        →→super().__init__(trigger = trigger)
        →→self.employer = employer
        →→self.number = number

        class Hiring(Event):
        →"""
        →Description:·
        →"""
        →def __init__(
        →→self,
        →→trigger: str
        →):
        →→super().__init__(trigger = trigger)

        ¦"""
        这是一项面向对象的编程任务：上面定义了一些事件类，请将下面句子中所有对应的事件对象实例化。请注意，各事件的触发词已经确定："裁员"是事件类型"Layoff"的触发词。
        """
        sentence = "华为裁员百人，李明离开华为。"

        ¦results = [
        →Layoff(trigger = "裁员", employer = [Entity("华为")], number = [Entity("百人")])
        ]"#]],
    );
}

#[test]
fn demonstrations_stand_between_classes_and_question() {
    let schema = schema();
    let text = "安加入华为。";
    let asked = Sentence {
        events: vec![Event {
            class: "Hiring".to_owned(),
            trigger: mention(text, "加入"),
            arguments: Vec::new(),
        }],
        ..sentence("zh", text, &[("Person", "安")])
    };
    let ask = |task| {
        let example = |sentence: &Sentence| {
            extraction(&schema, &schema.of_task(task), task, sentence, &small())
        };
        with_shots(example(&asked), &[example(&layoff())], &small())
    };
    check(
        ask(Task::Ner),
        expect![[r#"
        class Person(Entity): pass
        class Company(Entity): pass

        sentence = "华为裁员百人，李明离开华为。"

        results = [
        →Company("华为"),
        →Person("李明")
        ]

        ¦sentence = "安加入华为。"

        ¦results = [
        →Person("安")
        ]"#]],
    );
    check(
        ask(Task::Eae),
        expect![[r#"
        class Layoff(Event): employer, number
        class Hiring(Event): pass

        trigger = Layoff("裁员")
        sentence = "华为裁员百人，李明离开华为。"

        results = [
        →Layoff(trigger = "裁员", employer = [Entity("华为")], number = [Entity("百人")])
        ]

        ¦trigger = Hiring("加入")
        sentence = "安加入华为。"

        ¦results = [
        →Hiring(trigger = "加入")
        ]"#]],
    );
    let en = sentence("en", "Ann ran.", &[("Person", "Ann")]);
    let zh = sentence("zh", "安跑了。", &[("Person", "安")]);
    let pair = Parallel { source: en, target: zh };
    let ask = |pair: &Parallel| alignment(&schema, &schema.of_task(Task::Ner), pair, &small());
    check(
        with_shots(ask(&pair), &[ask(&pair)], &small()),
        expect![[r#"
        class Person(Entity): pass
        class Company(Entity): pass

        sentence = "Ann ran."

        results = [
        →Person("Ann")
        ]

        sentence = "安跑了。"

        results = [
        →Person("安")
        ]

        ¦sentence = "Ann ran."

        results = [
        →Person("Ann")
        ]

        sentence = "安跑了。"

        ¦results = [
        →Person("安")
        ]"#]],
    );
    let whole = PromptConfig::default();
    let example = |sentence: &Sentence| {
        extraction(&schema, &schema.of_task(Task::Ner), Task::Ner, sentence, &whole)
    };
    let few = with_shots(example(&asked), &[example(&layoff())], &whole);
    let shown = few.prefix.strip_prefix(&example(&asked).prefix).unwrap();
    assert!(
        shown.starts_with("sentence = \"华为裁员百人，李明离开华为。\"\n\nresults = [\n"),
        "{shown}"
    );
    assert!(!shown.contains("Output:"));
    assert_eq!(with_shots(example(&asked), &[], &whole), example(&asked));
}

#[test]
fn a_pair_can_be_written_in_part_or_whole() {
    let schema = schema();
    let en = sentence("en", "Ann ran.", &[("Person", "Ann")]);
    let zh = sentence("zh", "安跑了。", &[("Person", "安")]);
    let pair = Parallel { source: en, target: zh };
    let ask = |target: AlignmentTarget| {
        let config = PromptConfig { alignment: target, ..small() };
        alignment(&schema, &[schema.class("Person").unwrap()], &pair, &config)
    };
    check(
        ask(AlignmentTarget::Translation),
        expect![[r#"
        class Person(Entity): pass

        ¦sentence = "Ann ran."

        results = [
        →Person("Ann")
        ]

        ¦sentence = "安跑了。"

        results = [
        →Person("安")
        ]"#]],
    );
    check(
        ask(AlignmentTarget::Record),
        expect![[r#"
        class Person(Entity): pass

        ¦
        ¦sentence = "Ann ran."

        results = [
        →Person("Ann")
        ]

        sentence = "安跑了。"

        results = [
        →Person("安")
        ]"#]],
    );
    // The text as a whole is the same: what differs is where the loss begins.
    let whole = |example: Example| example.prefix + &example.prompt + &example.answer;
    let instances = whole(ask(AlignmentTarget::Instances));
    assert_eq!(whole(ask(AlignmentTarget::Translation)), instances);
    assert_eq!(whole(ask(AlignmentTarget::Record)).replacen("\n\n\n", "\n\n", 1), instances);
}

#[test]
fn a_target_of_pairs_changes_the_template_unless_it_is_the_default() {
    let of = |alignment| template_fingerprint(&PromptConfig { alignment, ..small() });
    assert_eq!(of(AlignmentTarget::Instances), template_fingerprint(&small()));
    assert_ne!(of(AlignmentTarget::Record), of(AlignmentTarget::Instances));
    assert_ne!(of(AlignmentTarget::Record), of(AlignmentTarget::Translation));
    let written = serde_json::to_string(&small()).unwrap();
    assert!(!written.contains("alignment"), "older fingerprints hold on: {written}");
}

#[test]
fn only_offered_classes_are_answered() {
    let schema = schema();
    let person = schema.class("Person").unwrap();
    let example = extraction(&schema, &[person], Task::Ner, &layoff(), &small());
    assert_eq!(example.answer, "results = [\n\tPerson(\"李明\")\n]");
    let hiring = schema.class("Hiring").unwrap();
    let example = extraction(&schema, &[hiring], Task::Eae, &layoff(), &small());
    assert_eq!(example.prompt, "sentence = \"华为裁员百人，李明离开华为。\"\n\n");
    assert_eq!(example.answer, "results = []");
}

#[test]
fn both_sides_of_a_pair_have_one_order() {
    let schema = schema();
    let en = sentence(
        "en",
        "Bo of Acme met Ann.",
        &[("Person", "Bo"), ("Company", "Acme"), ("Person", "Ann")],
    );
    let answers = |en: &Sentence, zh: Sentence| {
        let pair = Parallel { source: en.clone(), target: zh };
        let example = alignment(&schema, &schema.of_task(Task::Ner), &pair, &small());
        (example.prompt + &example.answer).replace(['\n', '\t'], "")
    };
    // In step: the annotator paired Ann with 安, though 安 stands first.
    let text = "安见了极致公司的波。";
    let zh = [("Person", "波"), ("Company", "极致公司"), ("Person", "安")];
    expect![[r#"sentence = "Bo of Acme met Ann."results = [Person("Bo"),Person("Ann"),Company("Acme")]sentence = "安见了极致公司的波。"results = [Person("波"),Person("安"),Company("极致公司")]"#]].assert_eq(&answers(&en, sentence("zh", text, &zh)));
    // Another order of classes: the n-th person goes with the n-th.
    let zh = [("Person", "安"), ("Person", "波"), ("Company", "极致公司")];
    expect![[r#"sentence = "Bo of Acme met Ann."results = [Person("Bo"),Person("Ann"),Company("Acme")]sentence = "安见了极致公司的波。"results = [Person("安"),Person("波"),Company("极致公司")]"#]].assert_eq(&answers(&en, sentence("zh", text, &zh)));
    // Other classes: each side as its sentence has it.
    let zh = [("Person", "波"), ("Person", "安")];
    expect![[r#"sentence = "Bo of Acme met Ann."results = [Person("Bo"),Person("Ann"),Company("Acme")]sentence = "安见了极致公司的波。"results = [Person("安"),Person("波")]"#]].assert_eq(&answers(&en, sentence("zh", text, &zh)));
}

#[test]
fn schema_understanding_is_plain_text() {
    let schema = schema();
    let config = PromptConfig::default();
    check(
        definition(schema.class("Layoff").unwrap(), &schema, "en", &config),
        expect![[r#"
        ¦¦class Layoff(Event):
        →"""
        →Description: Staff is dismissed.
        →"""
        →def __init__(
        →→self,
        →→trigger: str, # Examples: fired,·
        →→employer: List[ Company ],
        →→number: List[ Entity ]
        →):
        →→super().__init__(trigger = trigger)
        →→self.employer = employer
        →→self.number = number"#]],
    );
    check(
        instances(Task::Ner, &layoff(), &schema, &config),
        expect![[r#"
        ¦¦# Extract the entities from the following sentence.
        sentence = "华为裁员百人，李明离开华为。"

        from Entities import Company, Person

        results = [
        →Company("华为"),
        →Person("李明")
        ]"#]],
    );
    check(
        instances(Task::Re, &layoff(), &schema, &config),
        expect![[r#"
        ¦¦# Extract the relations from the following sentence.
        sentence = "华为裁员百人，李明离开华为。"

        from Entities import Person, Company
        from Relations import WorksFor

        results = [
        →WorksFor(
        →→Person("李明"),
        →→Company("华为")
        →)
        ]"#]],
    );
    check(
        instances(Task::Ed, &layoff(), &schema, &config),
        expect![[r#"
        ¦¦# Extract the events from the following sentence.
        sentence = "华为裁员百人，李明离开华为。"

        from Events import Layoff

        results = [
        →Layoff("裁员")
        ]"#]],
    );
    check(
        instances(Task::Eae, &layoff(), &schema, &config),
        expect![[r#"
        ¦¦# Extract the events from the following sentence.
        sentence = "华为裁员百人，李明离开华为。"

        from Entities import Entity
        from Events import Layoff

        results = [
        →Layoff(
        →→trigger = "裁员",
        →→employer = [Entity("华为")],
        →→number = [Entity("百人")]
        →)
        ]"#]],
    );
    check(
        instances(Task::Ner, &Sentence::default(), &schema, &config),
        expect![[r#"
        ¦¦# Extract the entities from the following sentence.
        sentence = ""

        results = []"#]],
    );
}

#[test]
fn the_fingerprint_sees_every_setting() {
    let plain = PromptConfig::default();
    let none = TextLanguage::None;
    let configs = [
        plain.clone(),
        PromptConfig { dialect: Dialect::Official, ..plain.clone() },
        PromptConfig { classes: ClassStyle::Names, ..plain.clone() },
        PromptConfig { system: false, ..plain.clone() },
        PromptConfig { task_sentence: none, ..plain.clone() },
        PromptConfig { descriptions: none, ..plain.clone() },
        PromptConfig { examples: none, ..plain.clone() },
        PromptConfig { form: Form::List, ..plain.clone() },
        PromptConfig { form: Form::Json, ..plain.clone() },
        PromptConfig { names: NameLanguage::Native, ..plain.clone() },
        PromptConfig { max_examples: 9, ..plain.clone() },
        PromptConfig { shots: 1, ..plain.clone() },
        PromptConfig { shots: 2, ..plain.clone() },
        PromptConfig { shots_from: Some("a:train".to_owned()), ..plain.clone() },
        PromptConfig { examples_from: ExamplesFrom::Training, ..plain.clone() },
        PromptConfig { paraphrase: Some(1), ..plain.clone() },
    ];
    let prints: std::collections::HashSet<String> =
        configs.iter().map(template_fingerprint).collect();
    assert_eq!(prints.len(), configs.len());
    // A bank may be moved.
    let bank = PromptConfig { paraphrases: Some("bank.jsonl".into()), ..plain };
    assert_eq!(template_fingerprint(&bank), template_fingerprint(&configs[0]));
    // Whoever changes the template sees it here: old checkpoints will refuse it.
    expect!["f931914eb5726363"].assert_eq(&template_fingerprint(&configs[0])[..16]);
    expect!["dfb84631791630a5"].assert_eq(&template_fingerprint(&configs[1])[..16]);
}
