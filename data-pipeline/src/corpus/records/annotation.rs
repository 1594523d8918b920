//! What a record says of its text: entities, what relates them, and what happens.

use super::document::Document;
use super::mention::spots;
use super::options::{Events, Mention, Options, Relations};
use super::route::{Found, Route};
use crate::Kind;
use crate::corpus::row::{Annotated, Happening, Labelled, LeftOut, Linked, Place};
use crate::corpus::spans;
use serde_json::Value;
use std::collections::BTreeMap;

/// Why a relation is left out of which an argument has no mention at all.
const NOWHERE: &str = "nowhere";

/// What `record` says of all of `document`.
pub(crate) fn annotated(
    record: &Found<'_>,
    document: &Document,
    options: &Options,
) -> Result<Annotated, String> {
    let mut draft = Draft {
        document,
        options,
        entities: Vec::new(),
        ids: BTreeMap::new(),
        left_out: Vec::new(),
    };
    if let Some(tags) = &options.tags {
        draft.tags(tags, record)?;
    }
    draft.entities(record)?;
    let relations = match &options.relations {
        Some(relations) => draft.relations(relations, record)?,
        None => Vec::new(),
    };
    let events = match &options.events {
        Some(events) => draft.events(events, record)?,
        None => Vec::new(),
    };
    let Draft { entities, left_out, .. } = draft;
    Ok(Annotated { text: document.text.clone(), entities, relations, events, left_out })
}

/// The annotation of one record as it grows.
struct Draft<'a> {
    document: &'a Document,
    options: &'a Options,
    entities: Vec<Labelled>,
    /// The mentions of each id.
    ids: BTreeMap<String, Vec<usize>>,
    left_out: Vec<LeftOut>,
}

impl Draft<'_> {
    /// Entities from one tag a token.
    fn tags(&mut self, tags: &Route, record: &Found<'_>) -> Result<(), String> {
        let mut names = Vec::new();
        for found in tags.select(record)? {
            names.push(tag(found.value, &self.options.tag_names)?);
        }
        let places = &self.document.tokens;
        if names.len() != places.len() {
            return Err(format!("{} tags for {} tokens", names.len(), places.len()));
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let spans = spans::join(&names, self.options.scheme, self.options.orphans)
            .map_err(|(index, fault)| format!("token {index}, counted from 0: {fault}"))?;
        for span in spans {
            let place = Place::at(places[span.start].0, places[span.end - 1].1);
            self.entities.push(Labelled { label: Some(span.label), place });
        }
        Ok(())
    }

    fn entities(&mut self, record: &Found<'_>) -> Result<(), String> {
        let options = self.options;
        let Some(entities) = &options.entities else { return Ok(()) };
        for item in entities.path.select(record)? {
            let label = entities.label.text(&item)?;
            let id = entities.id.as_ref().map(|id| id.text(&item)).transpose()?;
            if let Some(id) = &id {
                self.ids.entry(id.clone()).or_default();
            }
            for place in spots(&entities.mention, &item, self.document, options, &label)? {
                if let Some(id) = &id {
                    self.ids.entry(id.clone()).or_default().push(self.entities.len());
                }
                self.entities.push(Labelled { label: Some(label.clone()), place });
            }
        }
        Ok(())
    }

    fn relations(
        &mut self,
        relations: &Relations,
        record: &Found<'_>,
    ) -> Result<Vec<Linked>, String> {
        let mut linked = Vec::new();
        for item in relations.path.select(record)? {
            let label = relations.label.text(&item)?;
            let heads = self.candidates(&relations.head, &item, &label)?;
            let tails = self.candidates(&relations.tail, &item, &label)?;
            match self.pair(&heads, &tails) {
                Some((head, tail)) => linked.push(Linked { label, head, tail }),
                None => self.leave_out(Some(Kind::Relation), &label),
            }
        }
        Ok(linked)
    }

    /// The entities that an argument of a relation may be.
    fn candidates(
        &mut self,
        mention: &Mention,
        item: &Found<'_>,
        relation: &str,
    ) -> Result<Vec<usize>, String> {
        if mention.entity.is_some() {
            return self.called(mention, item, relation);
        }
        let label = mention.label.as_ref().map(|label| label.text(item)).transpose()?;
        if let (None, Some(surface)) = (&mention.start, &mention.surface) {
            let surface = surface.text(item)?;
            let same = self.entities_where(&label, |document, place| {
                place.pieces.is_empty() && document.slice((place.start, place.end)) == surface
            });
            if !same.is_empty() {
                return Ok(same);
            }
        }
        let mut found = Vec::new();
        for place in spots(mention, item, self.document, self.options, relation)? {
            let same = self.entities_where(&label, |_, known| known.ends() == place.ends());
            if !same.is_empty() {
                found.extend(same);
                continue;
            }
            if label.is_none() && self.options.marks_entities() {
                let text = self.document.slice((place.start, place.end));
                return Err(format!("`{relation}`: its argument `{text}` is no entity of the row"));
            }
            found.push(self.entities.len());
            self.entities.push(Labelled { label: label.clone(), place });
        }
        Ok(found)
    }

    /// The mentions of the entity whose id an item gives.
    fn called(
        &self,
        mention: &Mention,
        item: &Found<'_>,
        label: &str,
    ) -> Result<Vec<usize>, String> {
        let Some(field) = &mention.entity else { return Ok(Vec::new()) };
        let id = field.text(item)?;
        match self.ids.get(&id) {
            Some(mentions) => Ok(mentions.clone()),
            None => Err(format!("`{label}` points at entity `{id}`, which the row does not have")),
        }
    }

    /// The entities whose place fits, of one label if it is known.
    fn entities_where(
        &self,
        label: &Option<String>,
        fits: impl Fn(&Document, &Place) -> bool,
    ) -> Vec<usize> {
        let mut found = Vec::new();
        for (index, entity) in self.entities.iter().enumerate() {
            let labelled = label.is_none() || entity.label == *label;
            if labelled && fits(self.document, &entity.place) {
                found.push(index);
            }
        }
        found
    }

    /// The first two that share a row, or else the first two.
    fn pair(&self, heads: &[usize], tails: &[usize]) -> Option<(usize, usize)> {
        for head in heads {
            let row = self.row(*head);
            let beside = tails.iter().find(|tail| row.is_some() && self.row(**tail) == row);
            if let Some(tail) = beside {
                return Some((*head, *tail));
            }
        }
        Some((*heads.first()?, *tails.first()?))
    }

    fn row(&self, entity: usize) -> Option<usize> {
        let place = &self.entities[entity].place;
        self.document.row_of((place.start, place.end))
    }

    fn events(&mut self, events: &Events, record: &Found<'_>) -> Result<Vec<Happening>, String> {
        let mut happenings = Vec::new();
        for item in events.path.select(record)? {
            let label = events.label.text(&item)?;
            let triggers = self.places(&events.trigger, &item, &label, None)?;
            let is_entity = |mention: &Mention| mention.entity.is_some();
            if triggers.is_empty() && is_entity(&events.trigger) {
                self.leave_out(Some(Kind::Event), &label);
                continue;
            }
            let [trigger] = triggers.as_slice() else {
                let count = triggers.len();
                return Err(format!("event `{label}` has {count} triggers, expected 1"));
            };
            let trigger = trigger.clone();
            let row = self.document.row_of((trigger.start, trigger.end));
            let mut arguments = Vec::new();
            for table in &events.arguments {
                for filler in table.path.select(&item)? {
                    let role = table.role.text(&filler)?;
                    let places = self.places(&table.mention, &filler, &role, row)?;
                    if places.is_empty() && is_entity(&table.mention) {
                        self.leave_out(None, &role);
                    }
                    arguments.extend(places.into_iter().map(|place| (role.clone(), place)));
                }
            }
            happenings.push(Happening { label, trigger, arguments });
        }
        Ok(happenings)
    }

    /// The places of an event's trigger or argument; of an entity with several mentions, one in
    /// `row` if there is any.
    fn places(
        &self,
        mention: &Mention,
        item: &Found<'_>,
        label: &str,
        row: Option<usize>,
    ) -> Result<Vec<Place>, String> {
        if mention.entity.is_some() {
            let mentions = self.called(mention, item, label)?;
            let beside = mentions.iter().find(|index| row.is_some() && self.row(**index) == row);
            let chosen = beside.or(mentions.first());
            return Ok(chosen
                .map(|index| self.entities[*index].place.clone())
                .into_iter()
                .collect());
        }
        spots(mention, item, self.document, self.options, label)
    }

    fn leave_out(&mut self, kind: Option<Kind>, label: &str) {
        self.left_out.push(LeftOut { kind, reason: format!("{label} ({NOWHERE})") });
    }
}

/// A tag, by its name or by its number in `names`.
fn tag(value: &Value, names: &[String]) -> Result<String, String> {
    if let Value::String(tag) = value {
        return Ok(tag.clone());
    }
    let name = value.as_u64().and_then(|number| names.get(usize::try_from(number).ok()?));
    name.cloned().ok_or_else(|| {
        format!("tag `{value}` is neither a text nor one of the {} `tag_names`", names.len())
    })
}
