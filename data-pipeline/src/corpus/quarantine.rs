//! Rows that do not fit, kept with the reason instead of lost.

use crate::{Error, durable};
use serde::Serialize;
use std::path::Path;

/// A row that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What does not fit.
    pub reason: String,
}

/// Writes `rows` as JSON Lines; the file is complete or absent.
pub fn write_quarantine(path: &Path, rows: &[Quarantined]) -> Result<(), Error> {
    let mut lines = String::new();
    for row in rows {
        // A row is strings and a number: it always has a JSON form.
        lines += &serde_json::to_string(row).unwrap_or_default();
        lines.push('\n');
    }
    durable::write(path, lines.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_quarantine_is_json_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quarantine.jsonl");
        let row = |line, reason: &str| Quarantined {
            file: "a \"b\".txt".into(),
            line,
            reason: reason.into(),
        };
        write_quarantine(&path, &[row(1, "too short"), row(9, "换行\n")]).unwrap();
        expect![[r#"
            {"file":"a \"b\".txt","line":1,"reason":"too short"}
            {"file":"a \"b\".txt","line":9,"reason":"换行\n"}
        "#]]
        .assert_eq(&std::fs::read_to_string(&path).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let nowhere = folder.path().join("nowhere/quarantine.jsonl");
        assert!(write_quarantine(&nowhere, &[]).unwrap_err().to_string().starts_with("failed to"));
    }
}
