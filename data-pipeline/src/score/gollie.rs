//! GoLLIE's way of counting.
//!
//! What is predicted passes a filter first: mentions must be in the sentence, without regard to case,
//! and entities and triggers no oftener than it has them. Then each gold object is found once; arguments
//! count in pairs of events with equal type and trigger, the first of each side with the first.

use super::Tally;
use super::counting::{Told, one_to_one};
use super::occurrences::occurrences;
use super::quality;
use super::surface::is_space;
use crate::predictions::Prediction;
use crate::schema::Task;
use crate::sentence::{Entity, Event, Instance, Mention, Relation};
use std::collections::{HashMap, HashSet, VecDeque};

/// Tells of every object of a sentence.
pub(super) fn count(prediction: &Prediction, told: &mut Told) {
    let Prediction { task, gold, .. } = prediction;
    let Filtered { objects, said } = Filtered::of(prediction);
    if *task == Task::Eae {
        arguments(&events(gold), &events(objects.iter().copied()), &said, told);
        return;
    }
    let gold = gold.iter().map(fact);
    one_to_one(gold, objects.into_iter().map(fact), |(class, _)| class, told);
}

/// What passes the filter.
struct Filtered<'a> {
    objects: Vec<&'a Instance>,
    /// What is in the sentence, of all predicted mentions in lower case.
    said: HashSet<String>,
}

impl<'a> Filtered<'a> {
    fn of(prediction: &'a Prediction) -> Self {
        let Prediction { sentence, predicted, flaws, .. } = prediction;
        let outside = quality::outside_classes(flaws);
        let known = predicted.iter().filter(|object| !outside.contains(object.class()));
        let objects: Vec<Lowered> = known.map(Lowered::new).collect();
        let mut wanted: HashMap<&str, usize> = HashMap::new();
        for object in &objects {
            for text in &object.texts {
                wanted.entry(text).or_insert(1);
            }
            if let Some(key) = &object.key {
                *wanted.entry(key).or_default() += 1;
            }
        }
        let counts = occurrences(&sentence.to_lowercase(), &wanted);
        let is_there = |text: &str| counts.get(text).is_some_and(|count| *count > 0);
        let mut said_before: HashMap<&str, usize> = HashMap::new();
        let mut kept = Vec::new();
        for object in &objects {
            if !object.needed().all(|text| is_there(text)) {
                continue;
            }
            if let Some(key) = &object.key {
                let times = said_before.entry(key).or_default();
                *times += 1;
                if counts.get(key.as_str()).is_some_and(|count| count < times) {
                    continue;
                }
            }
            kept.push(object.instance);
        }
        let texts = objects.iter().flat_map(|object| &object.texts);
        let said = texts.filter(|text| is_there(text)).cloned().collect();
        Self { objects: kept, said }
    }
}

/// A predicted object in lower case.
struct Lowered<'a> {
    instance: &'a Instance,
    /// What is looked for: first what must be there, then the arguments.
    texts: Vec<String>,
    needed: usize,
    /// What must be there as often as it is said.
    key: Option<String>,
}

impl<'a> Lowered<'a> {
    fn new(instance: &'a Instance) -> Self {
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let (texts, needed, key) = match instance {
            Instance::Entity(Entity { mention, .. }) => {
                let key = mention.text.to_lowercase();
                (vec![key.trim_matches(is_space).to_owned()], 1, filled(key))
            }
            Instance::Relation(Relation { head, tail, .. }) => {
                let texts = [head, tail].map(|side| side.mention.text.to_lowercase());
                (texts.into(), 2, None)
            }
            Instance::Event(Event { trigger, arguments, .. }) => {
                let key = trigger.text.to_lowercase();
                let mut texts = vec![key.clone()];
                texts.extend(arguments.iter().map(|(_, mention)| mention.text.to_lowercase()));
                (texts, 1, filled(key))
            }
        };
        Self { instance, texts, needed, key }
    }

    fn needed(&self) -> impl Iterator<Item = &String> {
        self.texts.iter().take(self.needed)
    }
}

/// What is compared of an object, arguments aside.
fn fact(object: &Instance) -> (&str, [String; 2]) {
    let texts = match object {
        Instance::Entity(entity) => {
            let text = entity.mention.text.to_lowercase();
            [text.trim_matches(is_space).to_owned(), String::new()]
        }
        // Relations keep their case.
        Instance::Relation(Relation { head, tail, .. }) => {
            [head, tail].map(|side| side.mention.text.clone())
        }
        Instance::Event(event) => [event.trigger.text.to_lowercase(), String::new()],
    };
    (object.class(), texts)
}

fn events<'a>(objects: impl IntoIterator<Item = &'a Instance>) -> Vec<&'a Event> {
    let event = |object: &'a Instance| match object {
        Instance::Event(event) => Some(event),
        _ => None,
    };
    objects.into_iter().filter_map(event).collect()
}

/// Counts the arguments of events; of predicted ones those that are `said` in the sentence.
fn arguments<'a>(
    gold: &[&'a Event],
    predicted: &[&'a Event],
    said: &HashSet<String>,
    told: &mut Told,
) {
    let key = |event: &Event| (event.class.clone(), event.trigger.text.to_lowercase());
    let mut open: HashMap<(String, String), VecDeque<&'a Event>> = HashMap::new();
    for event in gold {
        told(&event.class, Tally { gold: event.arguments.len(), ..Tally::default() });
        open.entry(key(event)).or_default().push_back(event);
    }
    for event in predicted {
        let given = || {
            let arguments = event.arguments.iter();
            arguments.filter(|(_, mention)| said.contains(&mention.text.to_lowercase()))
        };
        let mut correct = 0;
        if let Some(found) = open.get_mut(&key(event)).and_then(VecDeque::pop_front) {
            let pair =
                |(role, mention): &'a (String, Mention)| (role.as_str(), mention.text.as_str());
            let all = found.arguments.iter().map(pair);
            one_to_one(all, given().map(pair), |_| "", &mut |_, tally| correct += tally.correct);
        }
        told(&event.class, Tally { gold: 0, predicted: given().count(), correct });
    }
}
