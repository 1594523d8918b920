//! A table at a terminal of 80 columns: what is too wide stands in blocks below each other.

use super::Layout;
use super::table::{Kind, Table};
use crate::width::{TERMINAL, clipped, columns, folded, padded};

/// A head of a column is folded into lines of so many columns.
const HEAD: usize = 14;
/// A head's longest word may make it wider, up to so many columns: cut in two, it is hard to read.
const WORD: usize = 20;
/// Names of rows are cut behind so many columns.
const NAME: usize = 30;
/// What stands between columns.
const GAP: usize = 2;

/// What is drawn: names of rows, heads, and what stands where they meet.
struct Grid {
    heads: Vec<String>,
    names: Vec<String>,
    /// By row.
    entries: Vec<Vec<String>>,
    /// Rows that a rule stands above.
    rules: Vec<usize>,
}

/// The table with its title and notes, no line wider than a terminal.
pub fn text(table: &Table) -> String {
    let mut lines = wrapped("", &table.title);
    if !table.about.is_empty() {
        lines.extend(wrapped("", &table.about));
    }
    lines.push(String::new());
    let grid = Grid::of(table);
    for block in grid.blocks() {
        grid.draw(&block, &mut lines);
        lines.push(String::new());
    }
    for note in &table.notes {
        let mark = if note.mark.is_empty() { "-" } else { note.mark.as_str() };
        lines.extend(wrapped(mark, &note.text));
    }
    let of_ours = format!(
        "F1 in percent; our rows under the protocol `{}`. `not run`: no receipt in the run's directory for exactly this test set, split and task.",
        table.protocol
    );
    lines.extend(wrapped("", &of_ours));
    lines.push(String::new());
    lines.join("\n")
}

impl Grid {
    fn of(table: &Table) -> Self {
        let shown: Vec<Vec<String>> = table
            .rows
            .iter()
            .map(|row| row.entries.iter().map(|entry| entry.shown()).collect())
            .collect();
        let methods = table.rows.iter().map(|row| row.name.clone());
        match table.layout {
            Layout::MethodsInRows => Self {
                heads: table.columns.clone(),
                names: methods.collect(),
                rules: table
                    .rows
                    .iter()
                    .position(|row| row.kind == Kind::Ours)
                    .into_iter()
                    .collect(),
                entries: shown,
            },
            Layout::MethodsInColumns => Self {
                heads: methods.map(|name| name.trim_start().to_owned()).collect(),
                names: table.columns.clone(),
                entries: (0..table.columns.len())
                    .map(|column| shown.iter().map(|row| row[column].clone()).collect())
                    .collect(),
                rules: match table.means {
                    0 => Vec::new(),
                    means => vec![table.columns.len() - means],
                },
            },
        }
    }

    /// The columns of each block, as many as fit beside the names.
    fn blocks(&self) -> Vec<Vec<usize>> {
        let mut blocks: Vec<Vec<usize>> = Vec::new();
        let mut left = 0;
        for column in 0..self.heads.len() {
            let width = self.width(column) + GAP;
            match blocks.last_mut() {
                Some(block) if width <= left => block.push(column),
                _ => {
                    blocks.push(vec![column]);
                    left = TERMINAL - self.width_of_names();
                }
            }
            left = left.saturating_sub(width);
        }
        blocks
    }

    fn draw(&self, block: &[usize], lines: &mut Vec<String>) {
        let heads: Vec<Vec<String>> = block.iter().map(|column| self.head(*column)).collect();
        let height = heads.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            // Short heads stand on the rule.
            let of_column = |head: &Vec<String>| {
                let from = height - head.len();
                line.checked_sub(from).and_then(|line| head.get(line)).cloned().unwrap_or_default()
            };
            let entries: Vec<String> = heads.iter().map(of_column).collect();
            lines.push(self.line("", block, &entries));
        }
        let total = self.width_of_names()
            + block.iter().map(|column| self.width(*column) + GAP).sum::<usize>();
        for (row, name) in self.names.iter().enumerate() {
            if row == 0 || self.rules.contains(&row) {
                lines.push("─".repeat(total));
            }
            let entries: Vec<String> =
                block.iter().map(|column| self.entries[row][*column].clone()).collect();
            lines.push(self.line(name, block, &entries));
        }
    }

    fn line(&self, name: &str, block: &[usize], entries: &[String]) -> String {
        let mut line = padded(&clipped(name, NAME), self.width_of_names());
        for (column, entry) in block.iter().zip(entries) {
            let blanks = self.width(*column) + GAP - columns(entry);
            line.push_str(&" ".repeat(blanks));
            line.push_str(entry);
        }
        line.trim_end().to_owned()
    }

    fn head(&self, column: usize) -> Vec<String> {
        let words: Vec<String> = self.heads[column].split(' ').map(str::to_owned).collect();
        let longest = words.iter().map(|word| columns(word)).max().unwrap_or(0);
        folded(&words, " ", longest.clamp(HEAD, WORD))
    }

    fn width(&self, column: usize) -> usize {
        let head = self.head(column).into_iter().map(|line| columns(&line));
        head.chain(self.entries.iter().map(|row| columns(&row[column]))).max().unwrap_or(0)
    }

    fn width_of_names(&self) -> usize {
        self.names.iter().map(|name| columns(name).min(NAME)).max().unwrap_or(0)
    }
}

/// `text` behind `mark`, in lines that end where the terminal does.
fn wrapped(mark: &str, text: &str) -> Vec<String> {
    let indent = if mark.is_empty() { 0 } else { columns(mark) + 1 };
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    folded(&words, " ", TERMINAL - indent)
        .into_iter()
        .enumerate()
        .map(|(line, text)| match line {
            0 if indent > 0 => format!("{mark} {text}"),
            _ => format!("{:indent$}{text}", ""),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_head_is_not_cut() {
        let head = |text: &str| {
            let (heads, names) = (vec![text.to_owned()], Vec::new());
            Grid { heads, names, entries: Vec::new(), rules: Vec::new() }.head(0)
        };
        assert_eq!(head("IEPile (Baichuan2-13B) [3]"), ["IEPile", "(Baichuan2-13B)", "[3]"]);
        assert_eq!(head("GLiNER large [2]"), ["GLiNER large", "[2]"]);
        assert_eq!(head(&"x".repeat(30)), ["x".repeat(20), "x".repeat(10)]);
    }
}
