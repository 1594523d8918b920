//! Which types are taken for which: a row an annotated type, a column a predicted one, and at the margins
//! what was missed and invented.

use super::NAME;
use super::letters::shown;
use crate::page::html::count;
use data_pipeline::errors::{Group, Kind, Label};
use std::cmp::Reverse;
use std::collections::HashMap;

/// Types with a row and a column of their own.
const TYPES: usize = 12;

/// The matrix; a sentence where nothing was confused.
pub(super) fn table(group: &Group) -> String {
    let confused = group.counts.of(Kind::WrongType) + group.counts.of(Kind::TypeAndBoundary);
    if confused == 0 {
        return "<p class=\"note\">Nothing was found with another type.</p>".to_owned();
    }
    let matrix = Matrix::new(group);
    let heads: String = matrix
        .types
        .iter()
        .map(|it| {
            let name = shown(&it.label, NAME);
            format!("<th scope=\"col\"><span class=\"up\"><bdi>{name}</bdi></span></th>")
        })
        .collect();
    let other = if matrix.others > 0 { corner("other types") } else { String::new() };
    let rows: String = matrix.types.iter().map(|it| matrix.row(it)).collect();
    let left = match matrix.others {
        0 => String::new(),
        others => format!(
            " {} of {} types, those that are confused most; what others have to do with them is in <i>other \
             types</i>.",
            count(matrix.types.len()),
            count(matrix.types.len() + others)
        ),
    };
    format!(
        "<h4>Annotated types, and what was predicted</h4><div class=\"scroll\"><table class=\"matrix\">\
         <thead><tr><th scope=\"col\">gold ↓ · predicted →</th>{heads}{other}{}{}{}</tr></thead><tbody>\
         {rows}{}{}{}</tbody></table></div><p class=\"note\">{} found with another type. On the \
         diagonal what is correct; the darker a cell, the larger its share of the row.{left}</p>",
        corner("⊃ wrong extent"),
        corner("− missed"),
        corner("gold"),
        matrix.other_row(),
        matrix.margin("⊃ wrong extent", |it| it.near_predicted),
        matrix.margin("+ invented", |it| it.invented)
            + &matrix.margin("predicted", |it| it.predicted),
        count(confused),
    )
}

fn corner(name: &str) -> String {
    format!("<th scope=\"col\" class=\"edge\"><span class=\"up\">{name}</span></th>")
}

struct Matrix<'a> {
    types: Vec<&'a Label>,
    /// Types without a row of their own.
    others: usize,
    cells: HashMap<(&'a str, &'a str), usize>,
}

impl<'a> Matrix<'a> {
    fn new(group: &'a Group) -> Self {
        let is_confused = |it: &&Label| it.confused + it.instead > 0;
        let mut types: Vec<&Label> = group.labels.shown.iter().filter(is_confused).collect();
        types.sort_by_key(|it| Reverse((it.confused + it.instead, it.mistakes())));
        types.truncate(TYPES);
        types.sort_by_key(|it| Reverse(it.gold));
        let others = group.labels.of - types.len();
        let cells = group.confusion.shown.iter();
        let cells = cells.map(|it| ((it.gold.as_str(), it.predicted.as_str()), it.count)).collect();
        Self { types, others, cells }
    }

    fn cell(&self, gold: &Label, predicted: &Label) -> usize {
        self.cells
            .get(&(gold.label.as_str(), predicted.label.as_str()))
            .copied()
            .unwrap_or_default()
    }

    fn row(&self, gold: &Label) -> String {
        let mut cells = String::new();
        let mut told = 0;
        for predicted in &self.types {
            if predicted.label == gold.label {
                cells += &filled("right", gold.correct, gold.gold);
                continue;
            }
            let number = self.cell(gold, predicted);
            told += number;
            cells += &filled("wrong", number, gold.gold);
        }
        if self.others > 0 {
            cells += &filled("wrong edge", gold.confused.saturating_sub(told), gold.gold);
        }
        cells += &filled("edge", gold.near, gold.gold);
        cells += &filled("lost", gold.missed, gold.gold);
        format!(
            "<tr><th scope=\"row\"><bdi>{}</bdi></th>{cells}<td>{}</td></tr>",
            shown(&gold.label, NAME),
            count(gold.gold)
        )
    }

    /// What other annotated types were taken for these.
    fn other_row(&self) -> String {
        if self.others == 0 {
            return String::new();
        }
        let cells: String = self
            .types
            .iter()
            .map(|predicted| {
                let told: usize = self.types.iter().map(|gold| self.cell(gold, predicted)).sum();
                filled("", predicted.instead.saturating_sub(told), 0)
            })
            .collect();
        format!("<tr class=\"edge\"><th scope=\"row\">other types</th>{cells}{}</tr>", self.blank())
    }

    /// A number of each predicted type.
    fn margin(&self, name: &str, number: impl Fn(&Label) -> usize) -> String {
        let cells: String = self.types.iter().map(|it| filled("", number(it), 0)).collect();
        format!("<tr class=\"edge\"><th scope=\"row\">{name}</th>{cells}{}</tr>", self.blank())
    }

    /// The cells of a margin below the other margin, which count nothing.
    fn blank(&self) -> String {
        "<td></td>".repeat(3 + usize::from(self.others > 0))
    }
}

/// A cell, coloured by its share; nothing is a dot.
fn filled(class: &str, number: usize, of: usize) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    if number == 0 {
        return format!("<td{class}><span class=\"none\">·</span></td>");
    }
    if of == 0 {
        return format!("<td{class}>{}</td>", count(number));
    }
    let share = number as f64 / of as f64 * 100.0;
    format!("<td{class} style=\"--share:{share:.0}%\">{}</td>", count(number))
}
