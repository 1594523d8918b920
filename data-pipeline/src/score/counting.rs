//! What a rule counts in one sentence.
//!
//! Objects become [`Fact`]s in the form in which the rule compares them; then they are counted as sets,
//! as lists in which each prediction is looked up, or one against one. Everything goes through hash
//! tables, so the time is linear in what the sentence and its objects take.

use super::{Matching, Protocol, Relations, Rule, Tally, b2ner, gollie, head, surface, tags};
use crate::predictions::Prediction;
use crate::schema::Task;
use crate::sentence::{Entity, Event, Instance, Mention, Relation, Span};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Who hears of a class and of what is counted of it; a class comes as often as it likes.
pub(super) type Told<'a> = dyn FnMut(&str, Tally) + 'a;

/// How facts are counted against each other.
enum Counting {
    /// Each once.
    Sets,
    /// Each as often as it is there; a prediction is right if gold has it at all.
    Members,
    /// Each as often as it is there; a gold fact is found once.
    OneToOne,
}

/// What one object claims, in the form in which claims are compared.
#[derive(PartialEq, Eq, Hash)]
struct Fact<'a> {
    class: Cow<'a, str>,
    role: Cow<'a, str>,
    parts: [Part<'a>; 2],
    /// Of a relation under [`Relations::Strict`], the types of head and tail.
    sides: [&'a str; 2],
}

impl Fact<'_> {
    fn class(&self) -> &str {
        &self.class
    }
}

/// Where a mention stands or, if that is not asked or not known, how it reads.
type Part<'a> = (Cow<'a, [Span]>, Cow<'a, str>);

/// Tells of every object of a sentence that `rule` counts.
pub(super) fn count(rule: Rule, prediction: &Prediction, told: &mut Told) {
    let Prediction { task, language, gold, predicted, .. } = prediction;
    match rule.protocol {
        Protocol::Seqeval => {
            let [gold, predicted] = [gold, predicted].map(|objects| tags::laid(objects));
            sets(gold, predicted, |(class, _)| class, told);
        }
        Protocol::B2ner => {
            let objects = |objects: &[Instance]| b2ner::objects(objects.iter().filter_map(named));
            sets(objects(gold), objects(predicted), |object| b2ner::class(object), told);
        }
        Protocol::Gollie => gollie::count(prediction, told),
        protocol => {
            let spans = protocol == Protocol::StrictSpan && gold.iter().all(has_spans);
            let reader = Reader { rule, task: *task, spans, language };
            let [gold, predicted] = [gold, predicted].map(|objects| reader.facts(objects));
            match counting(protocol, *task) {
                Counting::Sets => sets(gold, predicted, Fact::class, told),
                Counting::Members => members(gold, predicted, Fact::class, told),
                Counting::OneToOne => one_to_one(gold, predicted, Fact::class, told),
            }
        }
    }
}

/// Whether every entity or trigger of this gold has a place.
pub(super) fn is_placed(gold: &[Instance]) -> bool {
    gold.iter().all(|object| match object {
        Instance::Event(event) => event.trigger.span.is_some(),
        other => has_spans(other),
    })
}

fn counting(protocol: Protocol, task: Task) -> Counting {
    match (protocol, task) {
        (Protocol::Knowcoder2024, _) => Counting::Members,
        // Its converter has removed what is said twice, of entities only.
        (Protocol::Knowcoder2025, Task::Ner) => Counting::Sets,
        (Protocol::Knowcoder2025, _) => Counting::Members,
        (Protocol::Iepile, _) => Counting::OneToOne,
        _ => Counting::Sets,
    }
}

/// Counts each gold and each predicted object once.
fn sets<T: Hash + Eq>(
    gold: impl IntoIterator<Item = T>,
    predicted: impl IntoIterator<Item = T>,
    class: impl Fn(&T) -> &str,
    told: &mut Told,
) {
    let gold: HashSet<T> = gold.into_iter().collect();
    let predicted: HashSet<T> = predicted.into_iter().collect();
    members(gold, predicted, class, told);
}

fn members<T: Hash + Eq>(
    gold: impl IntoIterator<Item = T>,
    predicted: impl IntoIterator<Item = T>,
    class: impl Fn(&T) -> &str,
    told: &mut Told,
) {
    let mut known = HashSet::new();
    for fact in gold {
        told(class(&fact), Tally { gold: 1, ..Tally::default() });
        known.insert(fact);
    }
    for fact in predicted {
        let correct = usize::from(known.contains(&fact));
        told(class(&fact), Tally { gold: 0, predicted: 1, correct });
    }
}

/// Counts each gold object, and each predicted one until the gold ones like it are used up.
pub(super) fn one_to_one<T: Hash + Eq>(
    gold: impl IntoIterator<Item = T>,
    predicted: impl IntoIterator<Item = T>,
    class: impl Fn(&T) -> &str,
    told: &mut Told,
) {
    let mut left: HashMap<T, usize> = HashMap::new();
    for fact in gold {
        told(class(&fact), Tally { gold: 1, ..Tally::default() });
        *left.entry(fact).or_default() += 1;
    }
    for fact in predicted {
        let mut correct = 0;
        if let Some(left) = left.get_mut(&fact).filter(|left| **left > 0) {
            *left -= 1;
            correct = 1;
        }
        told(class(&fact), Tally { gold: 0, predicted: 1, correct });
    }
}

/// Turns objects into facts.
struct Reader<'l> {
    rule: Rule,
    task: Task,
    /// Whether offsets are compared.
    spans: bool,
    /// Where the head stands depends on it.
    language: &'l str,
}

impl Reader<'_> {
    fn facts<'a>(&self, instances: &'a [Instance]) -> Vec<Fact<'a>> {
        let mut facts = Vec::with_capacity(instances.len());
        let lost = self.lost(instances);
        for instance in instances.iter().filter(|it| !lost.contains(it.class())) {
            let class = self.class(instance.class());
            match instance {
                Instance::Entity(entity) => {
                    self.add(&mut facts, (class, None), [Some(entity), None]);
                }
                Instance::Relation(Relation { head, tail, .. }) => {
                    self.add(&mut facts, (class, None), [Some(head), Some(tail)]);
                }
                Instance::Event(event) if self.task == Task::Eae => {
                    for (role, mention) in &event.arguments {
                        let role = self.name(role);
                        self.add(&mut facts, (class.clone(), Some(role)), [Some(mention), None]);
                    }
                }
                Instance::Event(event) => {
                    self.add(&mut facts, (class, None), [Some(&event.trigger), None]);
                }
            }
        }
        facts
    }

    /// The classes of which nothing is read: UniversalNER's pattern for the JSON list of a class ends at
    /// the first `]`, and what comes before one in a mention is no JSON.
    fn lost<'a>(&self, instances: &'a [Instance]) -> HashSet<&'a str> {
        if self.rule.protocol != Protocol::UniversalNer {
            return HashSet::new();
        }
        let entities = instances.iter().filter_map(named);
        entities.filter(|(_, text)| text.contains(']')).map(|(class, _)| class).collect()
    }

    /// Adds what is claimed about one or two mentions, if the protocol looks at it at all.
    fn add<'a, M: Side>(
        &self,
        facts: &mut Vec<Fact<'a>>,
        (class, role): (Cow<'a, str>, Option<Cow<'a, str>>),
        mentions: [Option<&'a M>; 2],
    ) {
        let Rule { protocol, relations, .. } = self.rule;
        let knowcoder = matches!(protocol, Protocol::Knowcoder2024 | Protocol::Knowcoder2025);
        let texts = || mentions.iter().flatten().map(|side| &side.mention().text);
        if knowcoder && texts().any(|text| text.is_empty()) {
            return;
        }
        if protocol == Protocol::Knowcoder2025 && self.task == Task::Ner && class == "other" {
            return;
        }
        let part = |side: Option<&'a M>| {
            side.map_or((Cow::Borrowed(&[][..]), Cow::Borrowed("")), |it| self.part(it.mention()))
        };
        let strict = relations == Relations::Strict && self.task == Task::Re;
        let kind = |side: Option<&'a M>| side.filter(|_| strict).map_or("", |side| side.class());
        facts.push(Fact {
            class,
            role: role.unwrap_or_default(),
            parts: mentions.map(part),
            sides: mentions.map(kind),
        });
    }

    fn class<'a>(&self, name: &'a str) -> Cow<'a, str> {
        match (self.rule.protocol, self.task) {
            (Protocol::Knowcoder2025, Task::Ed) => {
                Cow::Owned(surface::coarse(surface::knowcoder(name)))
            }
            _ => self.name(name),
        }
    }

    fn name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        match self.rule.protocol {
            Protocol::Knowcoder2024 | Protocol::Knowcoder2025 => {
                Cow::Owned(surface::knowcoder(name))
            }
            _ => Cow::Borrowed(name),
        }
    }

    fn part<'a>(&self, mention: &'a Mention) -> Part<'a> {
        let head = self.rule.matching == Matching::Head;
        let no_place = Cow::Borrowed(&[][..]);
        if self.spans && !mention.places().is_empty() {
            let places = match head.then(|| head::place(mention, self.language)).flatten() {
                Some(place) => Cow::Owned(vec![place]),
                None => Cow::Borrowed(mention.places()),
            };
            return (places, Cow::Borrowed(""));
        }
        let text = if head { head::text(&mention.text, self.language) } else { &mention.text };
        let text = match (self.rule.protocol, self.task) {
            (Protocol::UniversalNer, _) => Cow::Owned(surface::universalner(text)),
            (Protocol::Knowcoder2025, Task::Ed) => Cow::Owned(text.to_lowercase()),
            _ => Cow::Borrowed(text),
        };
        (no_place, text)
    }
}

/// What a fact is about: a mention, with its type if it has one of its own.
trait Side {
    fn mention(&self) -> &Mention;
    fn class(&self) -> &str;
}

impl Side for Mention {
    fn mention(&self) -> &Mention {
        self
    }

    fn class(&self) -> &str {
        ""
    }
}

impl Side for Entity {
    fn mention(&self) -> &Mention {
        &self.mention
    }

    fn class(&self) -> &str {
        &self.class
    }
}

/// Type and mention of an entity.
fn named(object: &Instance) -> Option<(&str, &str)> {
    match object {
        Instance::Entity(Entity { class, mention }) => Some((class, &mention.text)),
        _ => None,
    }
}

/// Whether every mention of the object that is compared has its place.
fn has_spans(instance: &Instance) -> bool {
    match instance {
        Instance::Entity(entity) => entity.mention.span.is_some(),
        Instance::Relation(relation) => {
            relation.head.mention.span.is_some() && relation.tail.mention.span.is_some()
        }
        Instance::Event(Event { trigger, arguments, .. }) if arguments.is_empty() => {
            trigger.span.is_some()
        }
        Instance::Event(event) => event.arguments.iter().all(|(_, mention)| mention.span.is_some()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::score::tests::prediction;
    use std::cell::Cell;
    use std::hash::Hasher;

    thread_local! {
        static COMPARED: Cell<usize> = const { Cell::new(0) };
    }

    /// An object that knows how often objects of its kind were compared.
    #[derive(Clone, Eq)]
    struct Watched(usize);

    impl PartialEq for Watched {
        fn eq(&self, other: &Self) -> bool {
            COMPARED.set(COMPARED.get() + 1);
            self.0 == other.0
        }
    }

    impl Hash for Watched {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }

    impl Watched {
        fn class(&self) -> &str {
            ""
        }
    }

    #[test]
    fn an_object_is_compared_with_few_others_however_many_there_are() {
        // Each twice.
        let all = |from: usize, count: usize| (from..from + count).map(|it| Watched(it / 2));
        for count in [100, 10_000, 100_000] {
            for way in [Counting::Sets, Counting::Members, Counting::OneToOne] {
                COMPARED.set(0);
                let mut correct = 0;
                let told: &mut Told = &mut |_, tally| correct += tally.correct;
                let (gold, predicted) = (all(0, count), all(count / 2, count));
                match way {
                    Counting::Sets => sets(gold, predicted, Watched::class, told),
                    Counting::Members => members(gold, predicted, Watched::class, told),
                    Counting::OneToOne => one_to_one(gold, predicted, Watched::class, told),
                }
                assert!(correct > 0);
                // Once where it is found, and now and then where another's hash begins alike.
                let compared = COMPARED.get();
                assert!(compared <= 6 * count, "{compared} comparisons of {count} objects");
            }
        }
    }

    #[test]
    fn a_hundred_thousand_objects_of_a_megabyte_are_counted_by_every_protocol() {
        let mut prediction = prediction(Task::Ner, &[], &[]);
        prediction.sentence = "ab; 《c》 ".repeat(100_000);
        let entity = |number: usize| {
            let mention = Mention::surface(format!("ab; 《c》 {}", number / 2));
            Instance::Entity(Entity { class: format!("Class{}", number % 7), mention })
        };
        prediction.gold = (0..100_000).map(entity).collect();
        prediction.predicted = (50_000..150_000).map(entity).collect();
        let long = Mention::surface("(A the ".repeat(150_000));
        prediction.predicted.push(Instance::Entity(Entity { class: "X".into(), mention: long }));
        for protocol in Protocol::ALL {
            let mut total = Tally::default();
            count(protocol.into(), &prediction, &mut |_, tally| total += tally);
            match protocol {
                // Nothing has a place.
                Protocol::Seqeval => assert_eq!(total, Tally::default()),
                Protocol::Gollie => assert_eq!((total.gold, total.predicted), (100_000, 0)),
                Protocol::B2ner => assert!(total.gold > 0 && total.correct > 0),
                _ => assert_eq!((total.gold, total.correct), (100_000, 50_000), "{protocol}"),
            }
        }
    }
}
