//! What is asked about sentences, in how many parts, and what comes of it.

#![allow(clippy::unwrap_used)]
use super::*;
use std::path::Path;

const SCHEMA: &str = "
from knowcoder import Entity

class Person(Entity):
    \"\"\"Description: Someone.\"\"\"

class City(Entity):
    \"\"\"Description: A large town.\"\"\"

class River(Entity):
    \"\"\"Description: Running water.\"\"\"
";

fn tokenizer() -> Tokenizer {
    let text = "class Person City River Entity Description: results = [ Ann lives in Bonn ]";
    Tokenizer::train(&[text.to_owned(), text.to_owned()], 400).unwrap()
}

fn plain() -> PromptConfig {
    PromptConfig { system: false, ..PromptConfig::default() }
}

/// What is asked about a sentence if `room` of the tokens of the whole prompt are to be had, and
/// what comes of it if every prompt is answered with all names that the text holds.
fn check(room: impl Fn(usize) -> usize, expected: &str) {
    let (schema, tokenizer, prompt) =
        (Schema::parse(SCHEMA, Path::new("s.py")).unwrap(), tokenizer(), plain());
    let text = "Ann lives in Bonn";
    let sentence = Sentence { text: text.into(), language: "en".into(), ..Sentence::default() };
    let classes = schema.of_task(Task::Ner);
    let whole = Asker::new(&schema, &tokenizer, &prompt, usize::MAX)
        .ask(Task::Ner, &sentence, &classes)
        .requests
        .iter()
        .map(length)
        .sum::<usize>();
    let limit = room(whole);
    let mut asker = Asker::new(&schema, &tokenizer, &prompt, limit);
    let question = asker.ask(Task::Ner, &sentence, &classes);
    assert!(question.requests.iter().all(|request| length(request) < limit));
    let offered = question.parts.concat();
    assert!(question.is_too_long() || offered == classes, "each class once");
    let answer = |part: &Vec<&Class>| {
        let of = [("City", "Bonn"), ("Person", "Ann")];
        let offered = of.iter().filter(|(class, _)| part.iter().any(|it| it.name == *class));
        let code: Vec<String> =
            offered.map(|(class, name)| format!("{class}(\"{name}\")")).collect();
        tokenizer.encode(&format!("results = [{}]", code.join(", ")))
    };
    let answers: Vec<Vec<u32>> = question.parts.iter().map(answer).collect();
    let reply = asker.reply(&question, &sentence, false, &answers);
    let names = reply.predicted.iter().map(|object| match object {
        Instance::Entity(entity) => format!("{} {}", entity.class, entity.mention.text),
        other => panic!("{other:?}"),
    });
    let names: Vec<String> = names.collect();
    let parts: Vec<String> = reply
        .parts
        .iter()
        .map(|part| format!("{}: {}", part.classes.join(" "), part.answer))
        .collect();
    let kinds: Vec<&str> = reply.flaws.iter().filter_map(|flaw| flaw.split(':').next()).collect();
    assert_eq!(format!("{names:?} {parts:?} {kinds:?}"), expected);
}

#[test]
fn what_is_too_long_is_asked_in_parts_and_answered_as_one() {
    check(|whole| whole + 1, r#"["City Bonn", "Person Ann"] [] []"#);
    check(
        |whole| whole,
        r#"["Person Ann", "City Bonn"] ["Person City: results = [City(\"Bonn\"), Person(\"Ann\")]", "River: results = []"] []"#,
    );
    check(|_| 5, r#"[] [] ["not asked"]"#);
}

#[test]
fn prompt_and_answer_are_no_longer_than_what_is_read() {
    let (schema, tokenizer, prompt) =
        (Schema::parse(SCHEMA, Path::new("s.py")).unwrap(), tokenizer(), plain());
    let sentence =
        Sentence { text: "Ann lives in Bonn".into(), language: "en".into(), ..Sentence::default() };
    let classes = schema.of_task(Task::Ner);
    let ask = |limit: usize, most: usize| {
        let mut asker = Asker::new(&schema, &tokenizer, &prompt, limit).with_answers_of(most);
        let question = asker.ask(Task::Ner, &sentence, &classes);
        let of = |request: &Request| (length(request), request.max_new_tokens.unwrap());
        question.requests.iter().map(of).collect::<Vec<_>>()
    };
    let whole = ask(1 << 20, 12)[0].0;
    // (tokens that are read, tokens of an answer, number of prompts)
    for (limit, most, prompts) in [(whole + 12, 12, 1), (whole + 11, 12, 2), (whole + 1, 1, 1)] {
        let found = ask(limit, most);
        assert_eq!(found.len(), prompts, "{limit} {most}");
        assert!(found.iter().all(|(length, left)| length + left == limit), "{found:?}");
        assert!(found.iter().all(|(_, left)| *left >= most), "{found:?}");
    }
    // A class that leaves less room than that is asked about all the same.
    let single = ask(whole, 1).iter().map(|(length, _)| *length).max().unwrap();
    let found = ask(single + 1, 12);
    assert!(!found.is_empty() && found.iter().all(|(length, left)| length + left == single + 1));
}

const EVENTS: &str = "
from knowcoder import Entity, Event, Relation

class Person(Entity):
    \"\"\"Description: Someone.\"\"\"

class Hiring(Event):
    \"\"\"Description: Somebody begins to work.\"\"\"
    def __init__(self, trigger: str, employee: List[Person]):
        super().__init__(trigger=trigger)
        self.employee = employee

class Leaving(Event):
    \"\"\"Description: Somebody ends to work.\"\"\"
    def __init__(self, trigger: str, employee: List[Person]):
        super().__init__(trigger=trigger)
        self.employee = employee

class Knows(Relation):
    \"\"\"Description: Two people have met.\"\"\"
    def __init__(self, head_entity: Person, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)

class Likes(Relation):
    \"\"\"Description: One finds the other pleasant.\"\"\"
    def __init__(self, head_entity: Person, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
";

#[test]
fn every_task_is_asked_in_parts_and_what_is_said_twice_counts_once() {
    let (tokenizer, prompt) = (tokenizer(), plain());
    let schema = Schema::parse(EVENTS, Path::new("s.py")).unwrap();
    let event = |class: &str, trigger: &str, start: usize| data_pipeline::Event {
        class: class.into(),
        trigger: data_pipeline::Mention::at(trigger, start, start + trigger.len()),
        arguments: Vec::new(),
    };
    let text = "Ann joined, Bob quit";
    let sentence = Sentence {
        text: text.into(),
        language: "en".into(),
        events: vec![event("Hiring", "joined", 4), event("Leaving", "quit", 16)],
        ..Sentence::default()
    };
    for (task, said, expected) in [
        (Task::Ed, r#"Hiring("joined")"#, vec!["Hiring joined"]),
        (Task::Re, r#"Knows(Person("Ann"), Person("Bob"))"#, vec!["Knows Ann"]),
        (
            Task::Eae,
            r#"Hiring(trigger = "joined", employee = [Entity("Ann")])"#,
            vec!["Hiring joined"],
        ),
    ] {
        let classes = schema.of_task(task);
        assert_eq!(classes.len(), 2, "{task}");
        let mut asker = Asker::new(&schema, &tokenizer, &prompt, usize::MAX);
        let whole = asker.ask(task, &sentence, &classes);
        assert_eq!(whole.requests.len(), 1);
        let limit = length(&whole.requests[0]);
        let mut asker = Asker::new(&schema, &tokenizer, &prompt, limit);
        let question = asker.ask(task, &sentence, &classes);
        let offered: Vec<Vec<&str>> = question
            .parts
            .iter()
            .map(|part| part.iter().map(|class| class.name.as_str()).collect())
            .collect();
        assert_eq!(offered, [[classes[0].name.as_str()], [classes[1].name.as_str()]], "{task}");
        // Arguments are asked of the triggers of the part's own classes.
        if task == Task::Eae {
            let prompts = question.requests.iter().map(|it| tokenizer.decode(&it.prompt));
            let names = |prompt: String| {
                ["joined\" is the trigger", "quit\" is the trigger"].map(|it| prompt.contains(it))
            };
            let named: Vec<[bool; 2]> = prompts.map(names).collect();
            assert_eq!(named, [[true, false], [false, true]]);
        }
        let nothing = asker.ask(task, &sentence, &[]);
        assert!(nothing.requests.is_empty() && !nothing.is_too_long());
        let reply = asker.reply(&nothing, &sentence, false, &[]);
        assert_eq!((reply.answer.as_str(), reply.predicted.len()), ("", 0));
        assert!(reply.flaws.is_empty() && reply.parts.is_empty());
        // Both parts say the same.
        let answer = tokenizer.encode(&format!("results = [{said}]"));
        let reply = asker.reply(&question, &sentence, false, &[answer.clone(), answer]);
        let found: Vec<String> = reply
            .predicted
            .iter()
            .map(|object| format!("{} {}", object.class(), object.mentions()[0].text))
            .collect();
        assert_eq!(found, expected, "{task}: {:?}", reply.flaws);
        assert_eq!(reply.parts.len(), 2);
        // The part that did not offer the class says so.
        let flaws = reply.flaws.iter().filter(|flaw| flaw.contains("was not offered"));
        assert_eq!(flaws.count(), 1, "{task}: {:?}", reply.flaws);
    }
}

#[test]
fn an_order_of_classes_keeps_one_prefix_for_all_sentences() {
    use crate::evaluate::ClassOrder;
    let (schema, tokenizer, prompt) =
        (Schema::parse(SCHEMA, Path::new("s.py")).unwrap(), tokenizer(), plain());
    let mut asker = Asker::new(&schema, &tokenizer, &prompt, usize::MAX);
    let mut prefixes = std::collections::BTreeSet::new();
    for number in 0..6 {
        let mut of_order = std::collections::BTreeSet::new();
        for text in ["Ann lives in Bonn", "Bonn"] {
            let sentence =
                Sentence { text: text.into(), language: "en".into(), ..Sentence::default() };
            let classes = ClassOrder::new(3, number).sorted(schema.of_task(Task::Ner));
            let question = asker.ask(Task::Ner, &sentence, &classes);
            of_order.extend(question.requests.into_iter().map(|request| request.prefix));
        }
        assert_eq!(of_order.len(), 1, "order {number}");
        prefixes.extend(of_order);
    }
    assert!(prefixes.len() > 1, "no order differs from the schema's");
}
