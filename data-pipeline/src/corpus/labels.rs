//! A corpus's own labels and roles, and the classes and roles of the schema that they stand for.

use super::declaration::Declaration;
use crate::error::nearest;
use crate::{Class, Error, Kind, Schema};
use std::collections::BTreeMap;
use toml::Spanned;

/// What a table of a declaration maps an original name to; empty means known and dropped.
pub(crate) type Map = BTreeMap<String, Spanned<String>>;

/// The maps of one declaration beside its schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labels<'a> {
    declaration: &'a Declaration,
    schema: &'a Schema,
}

impl<'a> Labels<'a> {
    /// The labels that `declaration` maps to the classes of `schema`.
    pub(crate) fn new(declaration: &'a Declaration, schema: &'a Schema) -> Self {
        Self { declaration, schema }
    }

    /// Refuses maps to classes and roles that the schema does not define.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let names = || self.schema.classes.iter().map(|class| class.name.as_str());
        let roles = || {
            let events = self.schema.classes.iter().filter(|class| class.kind == Kind::Event);
            events.flat_map(|class| class.arguments.iter().map(|role| role.name.as_str()))
        };
        for (table, map) in
            [("labels", &self.declaration.labels), ("roles", &self.declaration.roles)]
        {
            for (original, target) in map {
                let name = target.get_ref().as_str();
                let (what, hint) = match table {
                    _ if name.is_empty() => continue,
                    "labels" if names().any(|known| known == name) => continue,
                    "roles" if roles().any(|known| known == name) => continue,
                    "labels" => ("class", did_you_mean(name, names())),
                    _ => ("role", did_you_mean(name, roles())),
                };
                let message = format!(
                    "[{table}] maps `{original}` to the {what} `{name}`, which `{}` does not define{hint}",
                    self.declaration.schema.display()
                );
                return Err(self.declaration.error_at(target.span().start, message));
            }
        }
        Ok(())
    }

    /// The class that `label` stands for, none where it is dropped.
    pub(crate) fn class(&self, label: &str, kind: Kind) -> Result<Option<&'a Class>, String> {
        // A corpus written for its schema needs no map.
        let name = match self.declaration.labels.get(label) {
            Some(name) => name.get_ref().as_str(),
            None if self.declaration.labels.is_empty() => label,
            None => return Err(self.unlisted("label", "labels", label, &self.declaration.labels)),
        };
        if name.is_empty() {
            return Ok(None);
        }
        let class = self.schema.class(name).ok_or_else(|| {
            let names = self.schema.classes.iter().map(|class| class.name.as_str());
            let hint = did_you_mean(name, names);
            format!("class `{name}` is not in `{}`{hint}", self.declaration.schema.display())
        })?;
        if class.kind != kind {
            let (marks, is) = (article(kind), article(class.kind));
            return Err(format!("label `{label}` marks {marks}, but class `{name}` is {is}"));
        }
        Ok(Some(class))
    }

    /// The role of `class` that `role` stands for, none where it is dropped.
    pub(crate) fn role(&self, role: &str, class: &Class) -> Result<Option<usize>, String> {
        let name = match self.declaration.roles.get(role) {
            Some(name) => name.get_ref().as_str(),
            None if self.declaration.roles.is_empty() => role,
            None => return Err(self.unlisted("role", "roles", role, &self.declaration.roles)),
        };
        if name.is_empty() {
            return Ok(None);
        }
        let position = class.arguments.iter().position(|argument| argument.name == name);
        position.map(Some).ok_or_else(|| {
            let hint = did_you_mean(name, class.arguments.iter().map(|known| known.name.as_str()));
            let schema = self.declaration.schema.display();
            format!("class `{}` of `{schema}` has no role `{name}`{hint}", class.name)
        })
    }

    fn unlisted(&self, what: &str, table: &str, name: &str, map: &Map) -> String {
        let hint = match nearest(name, map.keys().map(String::as_str)) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => ".".to_owned(),
        };
        let path = self.declaration.path.display();
        format!(
            "{what} `{name}` is not in [{table}] of {path}{hint} List it there, with \"\" to drop it"
        )
    }
}

/// "; did you mean `x`?", or nothing.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

fn article(kind: Kind) -> &'static str {
    match kind {
        Kind::Entity => "an entity",
        Kind::Relation => "a relation",
        Kind::Event => "an event",
    }
}
