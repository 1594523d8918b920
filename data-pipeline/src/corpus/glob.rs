//! File names with `*`, and of files that belong to others: a corpus of one file a document is
//! declared in one line.

use std::path::Path;

/// The names that `pattern` stands for, sorted; `place` says where a name lies.
///
/// A pattern that nothing fits stands for itself, so that whoever opens it says what is missing.
pub(crate) fn expand(pattern: &str, place: impl Fn(&str) -> std::path::PathBuf) -> Vec<String> {
    let (folder, name) = match pattern.rsplit_once('/') {
        Some((folder, name)) => (folder, name),
        None => ("", pattern),
    };
    if !name.contains('*') {
        return vec![pattern.to_owned()];
    }
    let mut names: Vec<String> = names_in(&place(folder))
        .into_iter()
        .filter(|found| fits(found, name))
        .map(|found| if folder.is_empty() { found } else { format!("{folder}/{found}") })
        .collect();
    if names.is_empty() {
        return vec![pattern.to_owned()];
    }
    names.sort();
    names
}

/// The `files`, each with the one beside it whose name `neighbour` makes of its own.
pub(crate) fn with_neighbours(
    files: Vec<String>,
    neighbour: impl Fn(&str) -> String,
) -> Vec<String> {
    let mut all = Vec::with_capacity(2 * files.len());
    for file in files {
        let beside = match file.rsplit_once('/') {
            Some((folder, name)) => format!("{folder}/{}", neighbour(name)),
            None => neighbour(&file),
        };
        all.extend([file, beside]);
    }
    all
}

/// The names of what lies in a folder; none if it cannot be read.
fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Whether `name` is what `pattern` says, where `*` stands for any characters; a hidden file must
/// be meant.
pub fn fits(name: &str, pattern: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let mut parts: Vec<&str> = pattern.split('*').collect();
    let Some(last) = parts.pop() else { return false };
    if parts.is_empty() {
        return name == last;
    }
    let Some(mut rest) = name.strip_prefix(parts[0]) else { return false };
    for part in &parts[1..] {
        let Some(at) = rest.find(*part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (name, pattern, expected) in [
            ("12.json", "*.json", true),
            ("12.json", "*2.json", true),
            ("13.json", "*2.json", false),
            ("12.json", "1*.js*n", true),
            ("12.json", "*", true),
            (".12.json", "*.json", false),
            (".json", ".json", true),
            ("a.json", "a*a.json", false),
        ] {
            assert_eq!(fits(name, pattern), expected, "{name} {pattern}");
        }
    }

    #[test]
    fn names_are_sorted_and_no_folder_is_one() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.json", "a.json", "c.txt"] {
            std::fs::write(folder.path().join(name), "{}").unwrap();
        }
        std::fs::create_dir(folder.path().join("d.json")).unwrap();
        let place = |name: &str| folder.path().join(name);
        assert_eq!(expand("*.json", place), ["a.json", "b.json"]);
        assert_eq!(expand("x.json", place), ["x.json"]);
        assert_eq!(expand("nowhere/*.json", place), ["nowhere/*.json"]);
    }
}
