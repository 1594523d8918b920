//! Why rows are not those that would be made now.

use super::{Origin, SourceOrigin};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

impl Origin {
    /// What is another in `now`, each as what there was and what there is; nothing if only the format
    /// of shards is.
    pub fn changes(&self, now: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        let mut note = |what: String, before: String, after: String| {
            if before != after {
                changes.push(format!("{what}: {before} → {after}"));
            }
        };
        note("what is learned".to_owned(), word(&self.kind), word(&now.kind));
        note(
            "both_directions".to_owned(),
            self.both_directions.to_string(),
            now.both_directions.to_string(),
        );
        let (before, after) = (settings(self), settings(now));
        let absent = || "not there".to_owned();
        for key in before.keys().chain(after.keys().filter(|key| !before.contains_key(*key))) {
            let of = |settings: &BTreeMap<String, String>| {
                settings.get(key).cloned().unwrap_or_else(absent)
            };
            note(key.clone(), of(&before), of(&after));
        }
        // What is written is decided by the settings first, then by the program.
        if self.config.prompt == now.config.prompt {
            let what = "the words of prompts, in this version of the program".to_owned();
            note(what, short(&self.template), short(&now.template));
        }
        note("the tokenizer".to_owned(), short(&self.tokenizer), short(&now.tokenizer));
        let datasets: BTreeSet<&String> = self.removed.keys().chain(now.removed.keys()).collect();
        for dataset in datasets {
            let of = |origin: &Self| match origin.removed.get(dataset) {
                Some((count, hash)) => format!("{count} ({})", short(hash)),
                None => "none".to_owned(),
            };
            note(format!("sentences of `{dataset}` that are left out"), of(self), of(now));
        }
        changes.extend(changed_sources(&self.sources, &now.sources));
        changes
    }
}

/// What is another of the datasets, by their names.
fn changed_sources(before: &[SourceOrigin], now: &[SourceOrigin]) -> Vec<String> {
    let find = |among: &[SourceOrigin], name: &str| {
        among.iter().find(|source| source.reference == name).cloned()
    };
    let mut changes = Vec::new();
    for source in now {
        let name = &source.reference;
        let Some(old) = find(before, name) else {
            changes.push(format!("`{name}` is new"));
            continue;
        };
        let parts = [
            ("files", &old.bytes, &source.bytes),
            ("declaration", &old.declaration, &source.declaration),
            ("schema", &old.schema, &source.schema),
        ];
        for (what, old, new) in parts.into_iter().filter(|(_, old, new)| old != new) {
            changes.push(format!("the {what} of `{name}`: {} → {}", short(old), short(new)));
        }
    }
    for source in before.iter().filter(|source| find(now, &source.reference).is_none()) {
        changes.push(format!("`{}` is gone", source.reference));
    }
    let names = |sources: &[SourceOrigin]| -> Vec<String> {
        sources.iter().map(|source| source.reference.clone()).collect()
    };
    if changes.is_empty() && names(before) != names(now) {
        changes.push("the order of the datasets".to_owned());
    }
    changes
}

/// The settings by their dotted names.
fn settings(origin: &Origin) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    flatten("", &serde_json::to_value(&origin.config).unwrap_or_default(), &mut found);
    found
}

fn flatten(name: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let dot = if name.is_empty() { "" } else { "." };
                flatten(&format!("{name}{dot}{key}"), value, found);
            }
        }
        Value::String(text) => drop(found.insert(name.to_owned(), text.clone())),
        other => drop(found.insert(name.to_owned(), other.to_string())),
    }
}

/// The word of an enumeration, as recipes write it.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        other => other.unwrap_or_default().to_string(),
    }
}

/// Enough of a hash to tell it from another.
fn short(hash: &str) -> String {
    if hash.is_empty() { "none".to_owned() } else { hash.chars().take(8).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::tests::origin;
    use expect_test::{Expect, expect};

    fn source(name: &str) -> SourceOrigin {
        SourceOrigin {
            reference: name.to_owned(),
            declaration: "d".repeat(64),
            schema: "5".repeat(64),
            bytes: "b".repeat(64),
        }
    }

    fn check(change: impl Fn(&mut Origin), expected: Expect) {
        let mut before = origin();
        before.sources = vec![source("one:train"), source("two:train")];
        let mut now = before.clone();
        change(&mut now);
        expected.assert_eq(&before.changes(&now).join("\n"));
    }

    #[test]
    fn every_change_is_named_with_both_values() {
        check(|_| {}, expect![""]);
        check(|now| now.config.seed = 7, expect!["seed: 42 → 7"]);
        check(
            |now| {
                now.config.max_length = 512;
                now.config.selection.shuffle = false;
                // A consequence of nothing that the user wrote.
                now.template = "another".to_owned();
            },
            expect![[r#"
                max_length: 2048 → 512
                selection.shuffle: true → false
                the words of prompts, in this version of the program: t → another"#]],
        );
        check(
            |now| {
                now.tokenizer = "0123456789".to_owned();
                now.kind = crate::prepare::Kind::Alignment;
                now.both_directions = true;
            },
            expect![[r#"
                what is learned: instruction → alignment
                both_directions: false → true
                the tokenizer: k → 01234567"#]],
        );
        check(
            |now| {
                now.sources[0].bytes = "c".repeat(64);
                now.sources[0].schema = "6".repeat(64);
                now.sources[1] = source("three:dev");
                now.sources[1].declaration = "e".repeat(64);
            },
            expect![[r#"
                the files of `one:train`: bbbbbbbb → cccccccc
                the schema of `one:train`: 55555555 → 66666666
                `three:dev` is new
                `two:train` is gone"#]],
        );
        check(|now| now.sources.reverse(), expect!["the order of the datasets"]);
        check(
            |now| drop(now.removed.insert("one:train".to_owned(), (3, "abc".to_owned()))),
            expect!["sentences of `one:train` that are left out: none → 3 (abc)"],
        );
    }
}
