//! How far the plan was from what was measured: `estimate.json`.

use super::files::Run;
use super::html::escape;

/// Sentences of times and of memory; nothing of a run that nothing was planned of.
pub(super) fn section(run: &Run) -> String {
    let Some(kept) = &run.kept else { return String::new() };
    let sentences = [kept.times(), kept.memories()].concat();
    if sentences.is_empty() {
        return String::new();
    }
    let items: String =
        sentences.iter().map(|sentence| format!("<li>{}</li>", escape(sentence))).collect();
    let by = kept.rates.as_ref().map_or(String::new(), |rates| {
        let by = format!("The plan is for {}, by {}.", rates.name, rates.origin);
        format!("<p class=\"note\">{}</p>", escape(&by))
    });
    format!("<ul>{items}</ul>{by}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::estimate::measured::{Kept, Written};
    use crate::estimate::tests::estimate;
    use expect_test::expect;

    #[test]
    fn the_plan_stands_beside_what_came_of_it() {
        let mut planned = estimate(8);
        planned.phases[0].step.seconds = 2.0;
        let line = format!(
            "{{\"phase\": \"{}\", \"step\": 1, \"seconds\": 3.0}}\n",
            planned.phases[0].phase
        );
        let written = Written { metrics: line, ..Written::default() };
        let run = Run { kept: Kept::of(Some(&planned), &written), ..Run::default() };
        expect![[r#"<ul><li>alignment: planned 2.00 s a step, measured 3.00 s (+50 %)</li></ul><p class="note">The plan is for h200, by the cluster file&#39;s [hardware].</p>"#]]
        .assert_eq(&section(&run));
        let alone = Run { kept: Kept::of(None, &written), ..Run::default() };
        assert_eq!(section(&alone), "");
        assert_eq!(section(&Run::default()), "");
    }
}
