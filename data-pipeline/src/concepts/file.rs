//! The files of the map as they are written.

use super::{Bound, Concept, Concepts, Group, Mapping, Place, Relation, full};
use crate::{Error, Kind};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::Spanned;

/// Concepts of one kind, the classes that they are, or labels; a file may leave out any.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Of all concepts and classes of the file.
    kind: Option<Kind>,
    #[serde(default)]
    concepts: BTreeMap<String, Spanned<ConceptEntry>>,
    /// By the schema's file name, then by class.
    #[serde(default)]
    classes: BTreeMap<String, BTreeMap<String, Spanned<String>>>,
    #[serde(default)]
    corpus: Vec<GroupEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConceptEntry {
    en: String,
    zh: String,
    #[serde(default)]
    broader: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupEntry {
    datasets: Vec<Spanned<String>>,
    labels: BTreeMap<String, Spanned<Entry>>,
}

/// Exactly one of the first six.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    equal: Option<String>,
    broader: Option<String>,
    narrower: Option<String>,
    merge: Option<String>,
    split: Option<Vec<String>>,
    /// Why there is no concept.
    none: Option<String>,
    why: Option<String>,
}

impl Concepts {
    /// Takes in what one file says.
    pub(super) fn add(&mut self, path: PathBuf, text: String) -> Result<(), Error> {
        let file: File =
            toml::from_str(&text).map_err(|error| Error::toml(&path, &text, &error))?;
        if file.kind.is_none() && !(file.concepts.is_empty() && file.classes.is_empty()) {
            let message = "has concepts, but no `kind`: write `kind = \"entity\"`, `\"relation\"` or `\"event\"`";
            return Err(Error::declaration(&path, message));
        }
        let kind = file.kind.unwrap_or(Kind::Entity);
        let number = self.files.len();
        self.files.push((path, text));
        let at = |byte: usize| Place { file: number, byte };
        for (id, entry) in file.concepts {
            let place = at(entry.span().start);
            self.add_concept(kind, &id, entry.into_inner(), place)?;
        }
        for (schema, classes) in file.classes {
            for (class, id) in classes {
                let place = at(id.span().start);
                let bound = Bound { concept: full(kind, id.get_ref()), place };
                if self.classes.insert((schema.clone(), class.clone()), bound).is_some() {
                    let message = format!("class `{class}` of `{schema}` is there twice");
                    return Err(self.error(place, message));
                }
            }
        }
        for entry in file.corpus {
            self.add_group(entry, number)?;
        }
        Ok(())
    }

    fn add_concept(
        &mut self,
        kind: Kind,
        id: &str,
        entry: ConceptEntry,
        place: Place,
    ) -> Result<(), Error> {
        let ConceptEntry { en, zh, broader } = entry;
        let names = BTreeMap::from([("en".to_owned(), en), ("zh".to_owned(), zh)]);
        let broader = broader.iter().map(|id| full(kind, id)).collect();
        let name = full(kind, id);
        match self.concepts.insert(name.clone(), Concept { names, broader, place }) {
            Some(_) => Err(self.error(place, format!("concept `{name}` is there twice"))),
            None => Ok(()),
        }
    }

    fn add_group(&mut self, entry: GroupEntry, file: usize) -> Result<(), Error> {
        let mut labels = BTreeMap::new();
        for (label, entry) in entry.labels {
            let place = Place { file, byte: entry.span().start };
            let mapping = mapping(entry.into_inner(), place)
                .map_err(|message| self.error(place, format!("label `{label}` {message}")))?;
            labels.insert(label, mapping);
        }
        let datasets = entry.datasets.into_iter().map(|name| {
            let byte = name.span().start;
            (name.into_inner(), Place { file, byte })
        });
        let datasets = datasets.collect();
        self.groups.push(Group { datasets, labels });
        Ok(())
    }
}

/// What an entry says, or what is wrong with it.
fn mapping(entry: Entry, place: Place) -> Result<Mapping, String> {
    let Entry { equal, broader, narrower, merge, split, none, why } = entry;
    let one = |concept: Option<String>| concept.map(|concept| vec![concept]);
    let said = [
        (Relation::Equal, one(equal)),
        (Relation::Broader, one(broader)),
        (Relation::Narrower, one(narrower)),
        (Relation::Merge, one(merge)),
        (Relation::Split, split),
        (Relation::None, none.as_ref().map(|_| Vec::new())),
    ];
    let mut said = said.into_iter().filter_map(|(relation, it)| Some((relation, it?)));
    let (Some((relation, concepts)), None) = (said.next(), said.next()) else {
        return Err(
            "must have exactly one of `equal`, `broader`, `narrower`, `split`, `merge`, `none`"
                .to_owned(),
        );
    };
    let why = none.or(why);
    let needs_reason = matches!(relation, Relation::Broader | Relation::Split | Relation::None);
    if needs_reason && why.as_ref().is_none_or(|why| why.trim().is_empty()) {
        return Err(format!("is `{relation}` and must say why"));
    }
    if relation == Relation::Split && concepts.len() < 2 {
        return Err("is `split` and must name at least two concepts".to_owned());
    }
    Ok(Mapping { relation, concepts, why, place })
}
