//! A table for documents.

use super::Layout;
use super::table::Table;
use std::fmt::Write;

/// The table as Markdown: title, one table, notes as a list.
pub fn markdown(table: &Table) -> String {
    let mut text = format!("# {}\n\n", escaped(&table.title));
    if !table.about.is_empty() {
        text += &format!("{}\n\n", table.about);
    }
    let methods: Vec<String> =
        table.rows.iter().map(|row| row.name.trim_start().to_owned()).collect();
    let entry = |row: usize, column: usize| table.rows[row].entries[column].shown();
    let (heads, names) = match table.layout {
        Layout::MethodsInRows => (&table.columns, &methods),
        Layout::MethodsInColumns => (&methods, &table.columns),
    };
    line(&mut text, "", heads.iter().cloned());
    let rule: String = heads.iter().map(|_| "---:|").collect();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "|---|{rule}");
    for (row, name) in names.iter().enumerate() {
        let entries = (0..heads.len()).map(|column| match table.layout {
            Layout::MethodsInRows => entry(row, column),
            Layout::MethodsInColumns => entry(column, row),
        });
        line(&mut text, name, entries);
    }
    text.push('\n');
    for note in &table.notes {
        let mark = if note.mark.is_empty() { String::new() } else { format!("`{}` ", note.mark) };
        let _ = writeln!(text, "- {mark}{}", note.text);
    }
    let _ = writeln!(text, "- F1 in percent; our rows under the protocol `{}`.", table.protocol);
    text
}

fn line(text: &mut String, name: &str, entries: impl Iterator<Item = String>) {
    let entries: String = entries.map(|entry| format!(" {} |", escaped(&entry))).collect();
    let _ = writeln!(text, "| {} |{entries}", escaped(name));
}

/// What would end a cell or begin something else.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('*', "\\*").replace('\n', " ")
}
