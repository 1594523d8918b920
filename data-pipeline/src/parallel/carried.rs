//! What of a sentence is carried over: every name that its annotation needs, and what links them.
//!
//! A model is asked for names alone. Relations and events point at names of the source; the n-th
//! name of a translation is that of the source, so what points at it is carried over with it.

use super::check::Draft;
use crate::{Entity, Mention, Sentence, Span, Task};
use serde::Serialize;

/// The class of a relation's argument whose type the corpus does not give.
const UNTYPED: &str = "Entity";

/// A sentence as models are asked about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The sentence; its entities are all names that are asked for: entities first, then arguments
    /// and triggers that are none.
    pub asked: Sentence,
    /// How many of the names are entities.
    pub entities: usize,
    /// Class, and the names of both arguments.
    pub relations: Vec<(String, usize, usize)>,
    /// Class, the name of the trigger, and roles with theirs.
    pub events: Vec<Happening>,
    /// Relations and events that point at a mention without a place.
    pub left_out: usize,
}

/// An event over names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// Its class.
    pub class: String,
    /// The name of its trigger.
    pub trigger: usize,
    /// Role and name.
    pub arguments: Vec<(String, usize)>,
}

/// An annotation as `pairs.jsonl` has it.
#[derive(Debug, Serialize)]
pub struct Annotation<'a> {
    text: &'a str,
    entities: Vec<Name<'a>>,
    relations: Vec<Relation<'a>>,
    events: Vec<Event<'a>>,
}

#[derive(Clone, Debug, Serialize)]
struct Name<'a> {
    start: usize,
    end: usize,
    label: &'a str,
    text: &'a str,
}

#[derive(Debug, Serialize)]
struct Relation<'a> {
    label: &'a str,
    head: Name<'a>,
    tail: Name<'a>,
}

#[derive(Debug, Serialize)]
struct Event<'a> {
    label: &'a str,
    trigger: Name<'a>,
    arguments: Vec<Argument<'a>>,
}

#[derive(Debug, Serialize)]
struct Argument<'a> {
    role: &'a str,
    #[serde(flatten)]
    name: Name<'a>,
}

impl Carried {
    /// What `tasks` need of `sentence`.
    pub fn of(sentence: &Sentence, tasks: &[Task]) -> Self {
        let mut asked = sentence.clone();
        let is_carried = |it: &Entity| it.mention.span.is_some() && tasks.contains(&Task::Ner);
        asked.entities.retain(is_carried);
        let entities = asked.entities.len();
        let mut carried = Self { asked, entities, ..Self::default() };
        if tasks.contains(&Task::Re) {
            for relation in &sentence.relations {
                // A declaration that marks entities has no place for an argument that is none.
                let fits = |it: &Entity| {
                    it.mention.span.is_some()
                        && (it.class != UNTYPED || !tasks.contains(&Task::Ner))
                };
                if !(fits(&relation.head) && fits(&relation.tail)) {
                    carried.left_out += 1;
                    continue;
                }
                let (head, tail) =
                    (carried.argument(&relation.head), carried.argument(&relation.tail));
                carried.relations.push((relation.class.clone(), head, tail));
            }
        }
        let has_arguments = tasks.contains(&Task::Eae);
        if has_arguments || tasks.contains(&Task::Ed) {
            for event in &sentence.events {
                let trigger = carried.mention(&event.trigger, || trigger_of(&event.class));
                let fillers = event.arguments.iter().filter(|_| has_arguments);
                let arguments: Option<Vec<(String, usize)>> = fillers
                    .map(|(role, mention)| {
                        Some((role.clone(), carried.mention(mention, || role.clone())?))
                    })
                    .collect();
                match trigger.zip(arguments) {
                    Some((trigger, arguments)) => {
                        let class = event.class.clone();
                        carried.events.push(Happening { class, trigger, arguments });
                    }
                    None => carried.left_out += 1,
                }
            }
        }
        carried
    }

    /// The place of a relation's argument among the names, which it joins if it is new.
    fn argument(&mut self, entity: &Entity) -> usize {
        let known = self.asked.entities.iter().position(|it| it == entity);
        known.unwrap_or_else(|| self.join(entity.clone()))
    }

    /// The place of what stands at a mention among the names; new ones are called `class`.
    fn mention(&mut self, mention: &Mention, class: impl Fn() -> String) -> Option<usize> {
        mention.span?;
        let known = self.asked.entities.iter().position(|it| it.mention == *mention);
        let entity = || Entity { class: class(), mention: mention.clone() };
        Some(known.unwrap_or_else(|| self.join(entity())))
    }

    fn join(&mut self, entity: Entity) -> usize {
        self.asked.entities.push(entity);
        self.asked.entities.len() - 1
    }

    /// Whether a relation has an argument without a type.
    pub fn has_untyped(&self) -> bool {
        let untyped = |index: &usize| self.asked.entities[*index].class == UNTYPED;
        self.relations.iter().any(|(_, head, tail)| untyped(head) || untyped(tail))
    }

    /// The annotation of the source.
    pub fn of_source(&self) -> Annotation<'_> {
        let names = self.asked.entities.iter().map(|entity| {
            let Span { start, end } = entity.mention.span?;
            Some(Name { start, end, label: &entity.class, text: &entity.mention.text })
        });
        self.annotation(&self.asked.text, names.collect())
    }

    /// The annotation of an accepted draft whose names stand at `places`.
    pub fn of_target<'a>(&'a self, draft: &'a Draft, places: &[Span]) -> Annotation<'a> {
        let names = draft.names.iter().zip(places).map(|(name, Span { start, end })| {
            Some(Name { start: *start, end: *end, label: &name.class, text: &name.text })
        });
        self.annotation(&draft.sentence, names.collect())
    }

    /// The annotation of a text whose names these are; none for one without a place.
    fn annotation<'a>(&'a self, text: &'a str, names: Vec<Option<Name<'a>>>) -> Annotation<'a> {
        let name = |index: usize| names.get(index).cloned().flatten();
        let relations = self.relations.iter().filter_map(|(label, head, tail)| {
            Some(Relation { label, head: name(*head)?, tail: name(*tail)? })
        });
        let events = self.events.iter().filter_map(|event| {
            let arguments = event
                .arguments
                .iter()
                .map(|(role, index)| Some(Argument { role, name: name(*index)? }));
            let (label, trigger) = (&event.class, name(event.trigger)?);
            Some(Event { label, trigger, arguments: arguments.collect::<Option<_>>()? })
        });
        Annotation {
            text,
            relations: relations.collect(),
            events: events.collect(),
            entities: names.iter().take(self.entities).flatten().cloned().collect(),
        }
    }
}

/// What a trigger is called in prompts.
fn trigger_of(class: &str) -> String {
    format!("trigger of {class}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Relation;
    use crate::parallel::Name;
    use expect_test::{Expect, expect};

    fn entity(class: &str, text: &str, start: usize) -> Entity {
        let end = start + text.len();
        let mention = Mention::at(text, start, end);
        Entity { class: class.to_owned(), mention }
    }

    /// Ann founded Vasa in Oslo.
    fn sentence() -> Sentence {
        let (ann, vasa) = (entity("Person", "Ann", 0), entity("Organization", "Vasa", 12));
        let founded = entity("", "founded", 4).mention;
        let oslo = entity("", "Oslo", 20).mention;
        let arguments = [("founder", &ann.mention), ("place", &oslo)];
        let event = crate::Event {
            class: "Founding".to_owned(),
            trigger: founded,
            arguments: arguments.map(|(role, it)| (role.to_owned(), it.clone())).to_vec(),
        };
        Sentence {
            text: "Ann founded Vasa in Oslo.".to_owned(),
            entities: vec![ann.clone(), vasa.clone()],
            relations: vec![Relation { class: "FoundedBy".to_owned(), head: vasa, tail: ann }],
            events: vec![event],
            ..Sentence::default()
        }
    }

    fn check(tasks: &[Task], expected: Expect) {
        let carried = Carried::of(&sentence(), tasks);
        let names = carried.asked.entities.iter().map(|it| (&it.class, &it.mention.text));
        let names: Vec<String> = names.map(|(class, text)| format!("{class}: {text}")).collect();
        let Carried { entities, relations, events, .. } = &carried;
        let text = format!("{entities} of {names:?}\n{relations:?}\n{events:?}");
        expected.assert_eq(&text);
    }

    #[test]
    fn names_are_asked_for_once() {
        check(
            &[Task::Ner],
            expect![[r#"
                2 of ["Person: Ann", "Organization: Vasa"]
                []
                []"#]],
        );
        check(
            &[Task::Ner, Task::Re, Task::Ed, Task::Eae],
            expect![[r#"
                2 of ["Person: Ann", "Organization: Vasa", "trigger of Founding: founded", "place: Oslo"]
                [("FoundedBy", 1, 0)]
                [Happening { class: "Founding", trigger: 2, arguments: [("founder", 0), ("place", 3)] }]"#]],
        );
        check(
            &[Task::Ed],
            expect![[r#"
                0 of ["trigger of Founding: founded"]
                []
                [Happening { class: "Founding", trigger: 0, arguments: [] }]"#]],
        );
    }

    #[test]
    fn what_points_at_a_name_points_at_its_translation() {
        let carried = Carried::of(&sentence(), &[Task::Ner, Task::Re, Task::Eae]);
        let name =
            |class: &str, text: &str| Name { class: class.to_owned(), text: text.to_owned() };
        let draft = Draft {
            sentence: "安在奥斯陆创办瓦萨。".to_owned(),
            names: vec![
                name("Person", "安"),
                name("Organization", "瓦萨"),
                name("trigger of Founding", "创办"),
                name("place", "奥斯陆"),
            ],
        };
        let spans = [(0, 1), (7, 9), (5, 7), (2, 5)].map(|(start, end)| Span { start, end });
        let annotation = carried.of_target(&draft, &spans);
        expect![[r#"{"text":"安在奥斯陆创办瓦萨。","entities":[{"start":0,"end":1,"label":"Person","text":"安"},{"start":7,"end":9,"label":"Organization","text":"瓦萨"}],"relations":[{"label":"FoundedBy","head":{"start":7,"end":9,"label":"Organization","text":"瓦萨"},"tail":{"start":0,"end":1,"label":"Person","text":"安"}}],"events":[{"label":"Founding","trigger":{"start":5,"end":7,"label":"trigger of Founding","text":"创办"},"arguments":[{"role":"founder","start":0,"end":1,"label":"Person","text":"安"},{"role":"place","start":2,"end":5,"label":"place","text":"奥斯陆"}]}]}"#]]
        .assert_eq(&serde_json::to_string(&annotation).unwrap_or_default());
    }

    #[test]
    fn what_points_nowhere_is_counted() {
        let mut sentence = sentence();
        sentence.events[0].trigger.span = None;
        sentence.relations[0].tail.mention.span = None;
        let carried = Carried::of(&sentence, &[Task::Ner, Task::Re, Task::Ed]);
        assert_eq!((carried.left_out, carried.relations.len(), carried.events.len()), (2, 0, 0));
    }
}
