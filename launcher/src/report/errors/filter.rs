//! What the reader may look at alone: one language, dataset, kind of mistake, type.
//!
//! Names of others never become names of ours: each choice is a number, an element carries the numbers
//! that it has to do with, and a script of the page's own hides what was not asked for. Without it
//! everything is shown and the form is not.

use crate::page::html::{count, escape};
use data_pipeline::width::{clipped, printable};
use std::collections::HashMap;

/// The script of a page with a filter.
pub(in crate::report) const SCRIPT: &str = include_str!("filter.js");
/// Choices of one kind; a list of thousands is none.
const CHOICES: usize = 300;
/// Columns of a choice.
const WIDTH: usize = 48;

/// The choices of one kind, by number.
pub(in crate::report) struct Choices {
    /// The attribute, and the name of the form's field: one letter.
    key: &'static str,
    /// What the field is called.
    label: &'static str,
    names: Vec<String>,
    numbers: HashMap<String, usize>,
    /// Names that there is no choice for.
    left: usize,
}

impl Choices {
    /// The names, without repetitions and in their order.
    pub(in crate::report) fn new(
        key: &'static str,
        label: &'static str,
        all: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut choices = Self { key, label, names: Vec::new(), numbers: HashMap::new(), left: 0 };
        for name in all {
            if choices.numbers.contains_key(&name) {
                continue;
            }
            if choices.names.len() == CHOICES {
                choices.left += 1;
                continue;
            }
            choices.numbers.insert(name.clone(), choices.names.len());
            choices.names.push(name);
        }
        choices
    }

    /// The attribute of an element that has to do with these.
    pub(in crate::report) fn attribute<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> String {
        let mut numbers: Vec<usize> =
            names.into_iter().filter_map(|name| self.numbers.get(name).copied()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
        format!(" data-{}=\"{}\"", self.key, numbers.join(" "))
    }

    fn field(&self) -> String {
        let Self { key, label, names, left, .. } = self;
        let mut options = format!("<option value=\"\">every {label}</option>");
        for (number, name) in names.iter().enumerate() {
            let name = escape(&clipped(&printable(name), WIDTH));
            options += &format!("<option value=\"{number}\">{name}</option>");
        }
        if *left > 0 {
            options += &format!("<option disabled>and {} more</option>", count(*left));
        }
        format!("<label>{label} <select name=\"{key}\" dir=\"auto\">{options}</select></label>")
    }
}

/// The form; it shows itself where the script runs.
pub(in crate::report) fn form(fields: &[&Choices]) -> String {
    let fields: String = fields.iter().map(|choices| choices.field()).collect();
    format!(
        "<form id=\"filter\" hidden autocomplete=\"off\" aria-label=\"filter\">{fields}\
         <button type=\"reset\">show all</button><output id=\"told\"></output></form>\
         <noscript><p class=\"note\">Without JavaScript this page shows everything and cannot be \
         filtered.</p></noscript>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_numbers_and_stay_text() {
        let names = ["en", "<b>\"", "en", "a\u{202e}b"].map(str::to_owned);
        let choices = Choices::new("l", "language", names);
        assert_eq!(choices.attribute(["a\u{202e}b", "en", "unknown", "en"]), " data-l=\"0 2\"");
        let form = form(&[&choices]);
        for expected in [
            "<option value=\"\">every language</option>",
            "<option value=\"1\">&lt;b&gt;&quot;</option>",
            "<option value=\"2\">a&lt;U+202E&gt;b</option>",
        ] {
            assert!(form.contains(expected), "no {expected} in {form}");
        }
        let many = Choices::new("t", "type", (0..310).map(|i| i.to_string()));
        assert!(many.field().contains("<option disabled>and 10 more</option>"));
        assert_eq!(many.attribute(["309"]), " data-t=\"\"");
    }

    #[test]
    fn the_script_is_ours_alone() {
        for forbidden in ["</", "<!--", "innerHTML", "eval", "http", "src=", "import"] {
            assert!(!SCRIPT.contains(forbidden), "{forbidden}");
        }
    }
}
