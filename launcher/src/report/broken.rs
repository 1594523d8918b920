//! What of the run directory could not be read, by name and line.

use super::files::{Broken, Run};
use super::html::{escape, steps};

/// A line a file.
pub(super) fn section(run: &Run) -> String {
    if run.broken.is_empty() {
        return String::new();
    }
    let files: String = run
        .broken
        .iter()
        .map(|file| format!("<li dir=\"auto\">{}</li>", escape(&sentence(file))))
        .collect();
    format!(
        "<p class=\"note\">Everything else on this page is without them.</p>\
         <ul class=\"broken\">{files}</ul>"
    )
}

fn sentence(Broken { file, lines, why }: &Broken) -> String {
    match &lines[..] {
        [] => format!("{file} cannot be read: {why}"),
        [line] => format!("line {line} of {file} cannot be read: {why}"),
        lines => format!(
            "{} lines of {file} cannot be read: {}; the first: {why}",
            lines.len(),
            steps(lines)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(lines: &[u64], expected: Expect) {
        let (file, why) = ("metrics.jsonl".to_owned(), "missing field `phase`".to_owned());
        expected.assert_eq(&sentence(&Broken { file, lines: lines.to_vec(), why }));
    }

    #[test]
    fn lines_are_named() {
        check(&[], expect!["metrics.jsonl cannot be read: missing field `phase`"]);
        check(&[3], expect!["line 3 of metrics.jsonl cannot be read: missing field `phase`"]);
        check(
            &[3, 7, 8, 9],
            expect![
                "4 lines of metrics.jsonl cannot be read: 3, 7–9; the first: missing field `phase`"
            ],
        );
    }
}
