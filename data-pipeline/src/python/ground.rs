//! Answers held against the sentence they speak about.
//!
//! An answer names its mentions by their text only. Where they stand, and whether they stand
//! there at all, is found here.

use super::read::{Answer, FlawKind};
use crate::corpus::locate::in_order;
use crate::schema::Class;
use crate::sentence::{Entity, Event, Instance, Mention, Span};
use std::collections::HashMap;

/// Fills the spans: the n-th object with a mention gets the n-th place where that text stands.
///
/// Where there are more objects than places, an object of another class may share one; the rest,
/// and mentions that the sentence does not have, stay without a span. The two arguments of a
/// relation, and the arguments of an event, are each located on their own, from the left.
pub fn locate(instances: &mut [Instance], sentence: &str) {
    let mut places = Places { sentence, spans: HashMap::new(), used: HashMap::new() };
    for (number, instance) in instances.iter_mut().enumerate() {
        match instance {
            Instance::Entity(Entity { class, mention }) => places.mention(class, mention),
            Instance::Relation(relation) => {
                places.argument(number, "", &mut relation.head.mention);
                places.argument(number, "", &mut relation.tail.mention);
            }
            Instance::Event(Event { class, trigger, arguments }) => {
                places.mention(class, trigger);
                for (role, mention) in arguments {
                    places.argument(number, role, mention);
                }
            }
        }
    }
}

/// Most words of a mention in pieces; what is longer is no mention but a retold sentence.
const MOST_WORDS: usize = 16;

/// Fills the pieces of mentions that [`locate`] found nowhere: their words stand in the sentence in
/// this order, with other words between some of them; where there are several such places, the
/// narrowest is meant.
///
/// For answers about corpora that have mentions in pieces and for no others: elsewhere a mention
/// that is no piece of the sentence is made up, and must be seen to be.
pub fn locate_pieces(instances: &mut [Instance], sentence: &str) {
    for instance in instances {
        match instance {
            Instance::Entity(entity) => piece_together(&mut entity.mention, sentence),
            Instance::Relation(relation) => {
                piece_together(&mut relation.head.mention, sentence);
                piece_together(&mut relation.tail.mention, sentence);
            }
            Instance::Event(event) => {
                piece_together(&mut event.trigger, sentence);
                for (_, mention) in &mut event.arguments {
                    piece_together(mention, sentence);
                }
            }
        }
    }
}

fn piece_together(mention: &mut Mention, sentence: &str) {
    if mention.span.is_none()
        && let Some(pieces) = pieces_of(&mention.text, sentence)
    {
        *mention = Mention::in_pieces(std::mem::take(&mut mention.text), pieces);
    }
}

/// Where the words of `text` stand; words with white space alone between them are one piece. None
/// unless there are several, and they read exactly as the text does.
fn pieces_of(text: &str, sentence: &str) -> Option<Vec<Span>> {
    let words: Vec<&str> = text.split_whitespace().take(MOST_WORDS + 1).collect();
    if !(2..=MOST_WORDS).contains(&words.len()) {
        return None;
    }
    let chars: Vec<char> = sentence.chars().collect();
    let joined = |places: &[(usize, usize)]| {
        let mut pieces: Vec<Span> = Vec::new();
        for (start, end) in places {
            match pieces.last_mut() {
                Some(last) if chars[last.end..*start].iter().all(|it| it.is_whitespace()) => {
                    last.end = *end;
                }
                _ => pieces.push(Span { start: *start, end: *end }),
            }
        }
        pieces
    };
    let reads = |pieces: &[Span]| {
        let texts = pieces.iter().map(|it| chars[it.start..it.end].iter().collect::<String>());
        texts.collect::<Vec<_>>().join(" ") == text
    };
    let fits = |places: &[(usize, usize)]| {
        let pieces = joined(places);
        pieces.len() > 1 && reads(&pieces)
    };
    in_order(sentence, &words, fits).map(|places| joined(&places))
}

/// Adds what the sentence and the prompt show to be wrong: classes and roles that were not
/// offered, mentions that are not in the sentence, objects that come too often.
pub fn check(answer: &mut Answer, classes: &[&Class], sentence: &str) {
    let classes: HashMap<&str, &Class> =
        classes.iter().map(|class| (class.name.as_str(), *class)).collect();
    let instances = std::mem::take(&mut answer.instances);
    let mut seen: HashMap<Vec<&str>, usize> = HashMap::new();
    for (at, instance) in instances.iter().enumerate() {
        let name = instance.class();
        let class = classes.get(name);
        if class.is_none() {
            answer.flaw(at, FlawKind::UnknownClass, format!("class `{name}` was not offered"));
        }
        if let (Some(class), Instance::Event(event)) = (class, instance) {
            for role in unknown_roles(event, class) {
                let message = format!("`{name}` has no role `{role}`");
                answer.flaw(at, FlawKind::UnknownRole, message);
            }
        }
        for mention in instance.mentions() {
            let is_there = mention.is_in_pieces() || sentence.contains(&mention.text);
            if mention.text.is_empty() || !is_there {
                let message = format!("`{}` is not in the sentence", mention.text);
                answer.flaw(at, FlawKind::NotInSentence, message);
            }
        }
        let times = seen.entry(identity(instance)).or_default();
        *times += 1;
        if *times > 1 && *times > most_often(instance, sentence) {
            answer.flaw(at, FlawKind::Duplicate, "the same object once more");
        }
    }
    answer.instances = instances;
}

struct Places<'a> {
    sentence: &'a str,
    spans: HashMap<String, Vec<Span>>,
    /// How many of the objects so far have this class (or any) and this text.
    used: HashMap<(Option<String>, String), usize>,
}

impl Places<'_> {
    fn mention(&mut self, class: &str, mention: &mut Mention) {
        let of_any = self.count(None, &mention.text);
        let of_class = self.count(Some(class.to_owned()), &mention.text);
        let spans = self.spans(&mention.text);
        let place = spans.get(of_any).or_else(|| spans.get(of_class)).copied();
        mention.span = mention.span.or(place);
    }

    /// An argument of the object with this number; it fills the places of its own object only.
    fn argument(&mut self, number: usize, role: &str, mention: &mut Mention) {
        let earlier = self.count(Some(format!("{number} {role}")), &mention.text);
        let spans = self.spans(&mention.text);
        mention.span = mention.span.or(spans.get(earlier).or(spans.last()).copied());
    }

    fn count(&mut self, group: Option<String>, text: &str) -> usize {
        let count = self.used.entry((group, text.to_owned())).or_default();
        *count += 1;
        *count - 1
    }

    /// Where `text` stands, from left to right, without overlaps.
    fn spans(&mut self, text: &str) -> &[Span] {
        self.spans.entry(text.to_owned()).or_insert_with(|| {
            let (mut bytes, mut chars) = (0, 0);
            let length = text.chars().count();
            let places = self.sentence.match_indices(text).filter(|_| length > 0);
            places
                .map(|(at, _)| {
                    chars += self.sentence[bytes..at].chars().count();
                    bytes = at;
                    Span { start: chars, end: chars + length }
                })
                .collect()
        })
    }
}

fn unknown_roles<'a>(event: &'a Event, class: &Class) -> impl Iterator<Item = &'a str> {
    let known: Vec<&str> = class.arguments.iter().map(|role| role.name.as_str()).collect();
    let roles = event.arguments.iter().map(|(role, _)| role.as_str());
    roles.filter(move |role| !known.contains(role))
}

/// What two objects share that cannot be told apart in an answer.
fn identity(instance: &Instance) -> Vec<&str> {
    let mut parts = vec![instance.class()];
    match instance {
        Instance::Entity(entity) => parts.push(&entity.mention.text),
        Instance::Relation(relation) => {
            for entity in [&relation.head, &relation.tail] {
                parts.extend([entity.class.as_str(), entity.mention.text.as_str()]);
            }
        }
        Instance::Event(event) => {
            parts.push(&event.trigger.text);
            for (role, mention) in &event.arguments {
                parts.extend([role.as_str(), mention.text.as_str()]);
            }
        }
    }
    parts
}

/// How often such an object can be meant: as often as the text it hangs on stands there.
fn most_often(instance: &Instance, sentence: &str) -> usize {
    let places = |mention: &Mention| match mention.text.as_str() {
        "" => 0,
        text => sentence.matches(text).count() + usize::from(mention.is_in_pieces()),
    };
    match instance {
        Instance::Entity(entity) => places(&entity.mention),
        Instance::Relation(relation) => {
            places(&relation.head.mention).max(places(&relation.tail.mention))
        }
        Instance::Event(event) => places(&event.trigger),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Dialect, read};
    use super::*;
    use crate::schema::{Argument, Kind, Task};
    use proptest::prelude::*;

    fn spans(answer: &str, task: Task, sentence: &str) -> Vec<Option<(usize, usize)>> {
        let mut instances = read(answer, task, Dialect::Python).instances;
        locate(&mut instances, sentence);
        let mentions = instances.iter().flat_map(Instance::mentions);
        mentions.map(|mention| mention.span.map(|span| (span.start, span.end))).collect()
    }

    #[test]
    fn the_nth_mention_stands_at_the_nth_place() {
        let answer = r#"results = [P("李明"), P("李明"), L("北京"), P("李明"), P("")]"#;
        assert_eq!(spans(answer, Task::Ner, "李明和李明在北京"), {
            [Some((0, 2)), Some((3, 5)), Some((6, 8)), None, None]
        });
        let answer = r#"results = [P("Paris"), L("Paris"), L("Paris")]"#;
        assert_eq!(spans(answer, Task::Ner, "Paris"), [Some((0, 5)), Some((0, 5)), None]);
        let answer = r#"results = [In(E("a"), E("b")), In(E("a"), E("a"))]"#;
        assert_eq!(spans(answer, Task::Re, "a b a"), {
            [Some((0, 1)), Some((2, 3)), Some((0, 1)), Some((4, 5))]
        });
        let answer = r#"results = [A(trigger = "x", r = [E("b"), E("q")]), B(trigger = "x")]"#;
        assert_eq!(spans(answer, Task::Eae, "x b"), {
            [Some((0, 1)), Some((2, 3)), None, Some((0, 1))]
        });
    }

    #[test]
    fn what_stands_in_pieces_is_found_where_that_may_be() {
        let sentence = "pain in the left or right arm, and in the left and lower leg";
        let check = |text: &str, expected: &[(usize, usize)]| {
            let mention = Mention::surface(text);
            let entity = Instance::Entity(Entity { class: "P".to_owned(), mention });
            let mut instances = vec![entity];
            locate(&mut instances, sentence);
            let is_whole = instances[0].mentions()[0].span.is_some();
            locate_pieces(&mut instances, sentence);
            let mention = instances[0].mentions()[0];
            let found: Vec<(usize, usize)> =
                mention.pieces.iter().map(|piece| (piece.start, piece.end)).collect();
            assert_eq!(found, expected, "{text}");
            let ends = expected.first().zip(expected.last());
            let hull = ends.map(|(first, last)| Span { start: first.0, end: last.1 });
            assert!(is_whole || mention.span == hull, "{text}");
        };
        check("left arm", &[(12, 16), (26, 29)]);
        check("left leg", &[(42, 46), (57, 60)]);
        check("pain left arm", &[(0, 4), (12, 16), (26, 29)]);
        check("in the left arm", &[(5, 16), (26, 29)]);
        check("right arm", &[]);
        check("arm left or", &[]);
        check("left  arm", &[]);
        check("left foot", &[]);
        check("lef arm", &[]);
        check("left", &[]);
        check(&"left ".repeat(20), &[]);
    }

    #[test]
    fn a_mention_in_pieces_is_no_flaw_and_no_duplicate_of_a_whole_one() {
        let sentence = "left or right arm, left arm";
        let text = r#"results = [A("left arm"), A("left arm"), A("left arm")]"#;
        let flaws = |pieces: bool| -> Vec<(usize, FlawKind)> {
            let mut answer = read(text, Task::Ner, Dialect::Python);
            locate(&mut answer.instances, sentence);
            if pieces {
                locate_pieces(&mut answer.instances, sentence);
            }
            check(&mut answer, &[&class("A", &[])], sentence);
            answer.flaws.into_iter().map(|flaw| (flaw.at, flaw.kind)).collect()
        };
        assert_eq!(flaws(false), [(1, FlawKind::Duplicate), (2, FlawKind::Duplicate)]);
        assert_eq!(flaws(true), [(2, FlawKind::Duplicate)]);
    }

    fn class(name: &str, roles: &[&str]) -> Class {
        let argument = |role: &&str| Argument {
            name: role.to_string(),
            types: vec!["Entity".to_owned()],
            names: Default::default(),
        };
        Class {
            name: name.to_owned(),
            kind: Kind::Event,
            base: "Event".to_owned(),
            descriptions: Default::default(),
            examples: Default::default(),
            names: Default::default(),
            arguments: roles.iter().map(argument).collect(),
        }
    }

    #[test]
    fn the_sentence_and_the_prompt_show_flaws() {
        let flaws = |text: &str, task, sentence: &str| -> Vec<(usize, FlawKind)> {
            let mut answer = read(text, task, Dialect::Python);
            let before = answer.instances.clone();
            check(&mut answer, &[&class("A", &["r"])], sentence);
            assert_eq!(answer.instances, before);
            answer.flaws.into_iter().map(|flaw| (flaw.at, flaw.kind)).collect()
        };
        assert_eq!(
            flaws(r#"results = [A("a"), A("a"), B("c"), A("")]"#, Task::Ner, "a b a"),
            [
                (2, FlawKind::UnknownClass),
                (2, FlawKind::NotInSentence),
                (3, FlawKind::NotInSentence),
            ]
        );
        assert_eq!(flaws(r#"results = [A("a"), A("a")]"#, Task::Ner, "a"), {
            [(1, FlawKind::Duplicate)]
        });
        let event = r#"results = [A(trigger = "a", r = [E("b")], s = [E("b")])]"#;
        assert_eq!(flaws(event, Task::Eae, "a b"), [(0, FlawKind::UnknownRole)]);
    }

    proptest! {
        #[test]
        fn a_span_holds_its_mention(
            sentence in "[ab人😀]{0,12}",
            texts in prop::collection::vec("[ab人😀]{0,3}", 0..6),
        ) {
            let mut instances: Vec<Instance> = texts
                .into_iter()
                .map(|text| Entity { class: "P".to_owned(), mention: Mention::surface(text) })
                .map(Instance::Entity)
                .collect();
            locate(&mut instances, &sentence);
            let chars: Vec<char> = sentence.chars().collect();
            for mention in instances.iter().flat_map(Instance::mentions) {
                if let Some(span) = mention.span {
                    let text: String = chars[span.start..span.end].iter().collect();
                    prop_assert_eq!(&text, &mention.text);
                }
            }
        }

        #[test]
        fn pieces_read_as_their_mention(
            sentence in "[ab人 ,]{0,16}",
            texts in prop::collection::vec("[ab人 ]{0,6}", 0..6),
        ) {
            let mut instances: Vec<Instance> = texts
                .into_iter()
                .map(|text| Entity { class: "P".to_owned(), mention: Mention::surface(text) })
                .map(Instance::Entity)
                .collect();
            locate(&mut instances, &sentence);
            let whole = instances.clone();
            locate_pieces(&mut instances, &sentence);
            let chars: Vec<char> = sentence.chars().collect();
            for (mention, before) in instances.iter().flat_map(Instance::mentions).zip(
                whole.iter().flat_map(Instance::mentions),
            ) {
                if before.span.is_some() {
                    prop_assert_eq!(mention, before);
                }
                if mention.is_in_pieces() {
                    let texts: Vec<String> = mention
                        .pieces
                        .iter()
                        .map(|piece| chars[piece.start..piece.end].iter().collect())
                        .collect();
                    prop_assert_eq!(&texts.join(" "), &mention.text);
                    prop_assert!(mention.pieces.len() > 1);
                    prop_assert!(mention.pieces.windows(2).all(|it| it[0].end < it[1].start));
                }
            }
        }
    }
}
