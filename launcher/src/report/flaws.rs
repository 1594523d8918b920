//! What the answers suffered from.

use super::files::Run;
use super::html::{count, escape};
use data_pipeline::predictions;
use data_pipeline::score::Set;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Sets named beside a kind of flaw.
const PLACES: usize = 4;

/// How often each kind of flaw occurs, and where.
pub(super) fn section(run: &Run) -> String {
    let all = || run.sets.iter().flat_map(|set| &set.predictions);
    let sentences = all().count();
    if sentences == 0 {
        return String::new();
    }
    let mut kinds: Vec<(String, usize)> = predictions::flaw_kinds(all()).into_iter().collect();
    if kinds.is_empty() {
        return format!("<p>None: each of {} answers could be read whole.</p>", count(sentences));
    }
    kinds.sort_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
    let most = kinds[0].1 as f64;
    let by_set: Vec<(&Set, BTreeMap<String, usize>)> =
        run.sets.iter().map(|set| (set, predictions::flaw_kinds(&set.predictions))).collect();
    let rows: String = kinds
        .iter()
        .map(|(kind, number)| {
            let mut places: Vec<(usize, &Set)> =
                by_set.iter().filter_map(|(set, kinds)| Some((*kinds.get(kind)?, *set))).collect();
            places.sort_by_key(|(number, _)| Reverse(*number));
            let mut told: Vec<String> = places.iter().take(PLACES).map(place).collect();
            if places.len() > PLACES {
                told.push(format!("{} more sets", places.len() - PLACES));
            }
            format!(
                "<tr><th scope=\"row\" dir=\"auto\" class=\"wrap\">{}</th><td>{}</td><td class=\"bar\">\
                 <i style=\"width:{:.1}%\"></i></td><td class=\"left note wrap\">{}</td></tr>",
                escape(kind),
                count(*number),
                *number as f64 / most * 100.0,
                told.join(", ")
            )
        })
        .collect();
    let flawed = all().filter(|prediction| !prediction.flaws.is_empty()).count();
    format!(
        "<p>{} of {} answers have a flaw ({:.1} %).</p><div class=\"scroll\"><table><tbody>{rows}\
         </tbody></table></div>",
        count(flawed),
        count(sentences),
        flawed as f64 / sentences as f64 * 100.0
    )
}

fn place((number, set): &(usize, &Set)) -> String {
    let Set { dataset, language, .. } = set;
    format!("{} ({}): {}", escape(dataset), escape(language), count(*number))
}
