//! Classes and roles under the names that they have in the language of the sentence.
//!
//! Which names a prompt shows is a matter of prompt and answer only: whoever asks gives classes and
//! objects under the schema's own names, and reads objects under those.
//!
//! Names must stay unambiguous. A name that two classes of the schema share, or that is another
//! class's own name, is shown for neither of them: they keep their own. So it is for the roles of a
//! class.

use super::{NameLanguage, PromptConfig};
use crate::schema::{Class, Schema};
use crate::sentence::Instance;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// The names that prompts in one language show of one schema.
#[derive(Default)]
pub(super) struct Naming<'a> {
    classes: Names<'a>,
    /// By the class's own name; only classes of which a role has another name.
    roles: HashMap<&'a str, Names<'a>>,
}

/// Some names and what is shown in their place, both ways.
#[derive(Default)]
struct Names<'a> {
    shown: HashMap<&'a str, &'a str>,
    own: HashMap<&'a str, &'a str>,
}

impl<'a> Naming<'a> {
    /// What prompts of `config` show for sentences of `language`.
    pub(super) fn of(schema: &'a Schema, language: &str, config: &PromptConfig) -> Self {
        if config.names == NameLanguage::English {
            return Self::default();
        }
        let mut taken = HashSet::from(["Entity", "Relation", "Event"]);
        for class in &schema.classes {
            taken.extend([class.name.as_str(), class.base.as_str()]);
            let types = class.arguments.iter().flat_map(|argument| &argument.types);
            taken.extend(types.map(String::as_str));
        }
        let named = schema
            .classes
            .iter()
            .filter_map(|class| Some((class.name.as_str(), class.names.get(language)?.as_str())));
        let roles =
            schema.classes.iter().map(|class| (class.name.as_str(), roles(class, language)));
        Self {
            classes: Names::unambiguous(named.collect(), &taken),
            roles: roles.filter(|(_, names)| !names.shown.is_empty()).collect(),
        }
    }

    /// The classes as prompts show them.
    pub(super) fn classes<'c>(&self, classes: &[&'c Class]) -> Vec<Cow<'c, Class>> {
        classes
            .iter()
            .map(|class| match self.is_plain() {
                true => Cow::Borrowed(*class),
                false => Cow::Owned(self.class(class)),
            })
            .collect()
    }

    /// The name that prompts show of a class.
    pub(super) fn class_name<'n>(&self, own: &'n str) -> &'n str
    where
        'a: 'n,
    {
        self.classes.shown.get(own).copied().unwrap_or(own)
    }

    /// Objects under the names that prompts show.
    pub(super) fn write<'o>(&self, objects: &'o [Instance]) -> Cow<'o, [Instance]> {
        if self.is_plain() {
            return objects.into();
        }
        let written = objects.iter().map(|object| {
            let roles = self.roles.get(object.class()).map(|names| &names.shown);
            renamed(object.clone(), &self.classes.shown, roles)
        });
        written.collect()
    }

    /// An object of an answer under the schema's own names; names that were not shown stay.
    pub(super) fn read(&self, object: Instance) -> Instance {
        if self.is_plain() {
            return object;
        }
        let class = self.classes.own.get(object.class()).copied().unwrap_or(object.class());
        let roles = self.roles.get(class).map(|names| &names.own);
        renamed(object, &self.classes.own, roles)
    }

    /// Whether everything is shown under its own name.
    fn is_plain(&self) -> bool {
        self.classes.shown.is_empty() && self.roles.is_empty()
    }

    fn class(&self, class: &Class) -> Class {
        let mut shown = class.clone();
        let roles = self.roles.get(class.name.as_str()).map(|names| &names.shown);
        for name in [&mut shown.name, &mut shown.base] {
            rename(name, &self.classes.shown);
        }
        for argument in &mut shown.arguments {
            argument.types.iter_mut().for_each(|class| rename(class, &self.classes.shown));
            if let Some(roles) = roles {
                rename(&mut argument.name, roles);
            }
        }
        shown
    }
}

impl<'a> Names<'a> {
    /// Of own names and other names those pairs that nobody can take for another; `taken` are the
    /// own names of all.
    fn unambiguous(pairs: Vec<(&'a str, &'a str)>, taken: &HashSet<&str>) -> Self {
        let mut times: HashMap<&str, usize> = HashMap::new();
        for (_, name) in &pairs {
            *times.entry(*name).or_default() += 1;
        }
        let mut names = Self::default();
        for (own, name) in pairs {
            if times[name] == 1 && !taken.contains(name) && !name.is_empty() {
                names.shown.insert(own, name);
                names.own.insert(name, own);
            }
        }
        names
    }
}

/// The roles of events; those of relations are never written.
fn roles<'a>(class: &'a Class, language: &str) -> Names<'a> {
    let own = class.arguments.iter().map(|role| role.name.as_str()).collect();
    let named = class
        .arguments
        .iter()
        .filter_map(|role| Some((role.name.as_str(), role.names.get(language)?.as_str())));
    Names::unambiguous(named.collect(), &own)
}

fn renamed(
    mut object: Instance,
    classes: &HashMap<&str, &str>,
    roles: Option<&HashMap<&str, &str>>,
) -> Instance {
    match &mut object {
        Instance::Entity(entity) => rename(&mut entity.class, classes),
        Instance::Relation(relation) => {
            let (head, tail) = (&mut relation.head.class, &mut relation.tail.class);
            for class in [&mut relation.class, head, tail] {
                rename(class, classes);
            }
        }
        Instance::Event(event) => {
            rename(&mut event.class, classes);
            if let Some(roles) = roles {
                event.arguments.iter_mut().for_each(|(role, _)| rename(role, roles));
            }
        }
    }
    object
}

fn rename(name: &mut String, names: &HashMap<&str, &str>) {
    if let Some(other) = names.get(name.as_str()) {
        *name = (*other).to_owned();
    }
}
