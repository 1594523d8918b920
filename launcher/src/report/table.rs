//! Long tables: what matters first in the open, the rest folded away.

/// Rows that are not folded away.
const OPEN: usize = 40;

/// A table in a box of its own that scrolls sideways; `head` and `rows` are HTML.
pub(super) fn table(head: &str, rows: &[String]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let part = |rows: &[String]| {
        format!(
            "<div class=\"scroll\"><table class=\"long\"><thead><tr>{head}</tr></thead><tbody>{}</tbody></table>\
             </div>",
            rows.concat()
        )
    };
    let (open, folded) = rows.split_at(rows.len().min(OPEN));
    if folded.is_empty() {
        return part(open);
    }
    format!(
        "{}<details><summary>{} more</summary>{}</details>",
        part(open),
        folded.len(),
        part(folded)
    )
}

/// Heads of columns, which are text without signs of HTML.
pub(super) fn heads(names: &[&str]) -> String {
    names.iter().map(|name| format!("<th scope=\"col\">{name}</th>")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_the_fortieth_row_is_folded_away() {
        let rows = |number: usize| vec!["<tr><td>x</td></tr>".to_owned(); number];
        assert_eq!(table("", &[]), "");
        assert!(!table("", &rows(40)).contains("<details>"));
        let long = table(&heads(&["a", "b"]), &rows(43));
        assert!(long.contains("<summary>3 more</summary>"), "{long}");
        assert_eq!(long.matches("<th scope=\"col\">b</th>").count(), 2);
        assert_eq!(long.matches("<td>x</td>").count(), 43);
    }
}
