//! What came of an ablation, on a page of its own.

use super::definition::Ablation;
use super::outcome::Outcome;
use super::table::{beside, signed};
use crate::page::html::{count, escape};
use crate::page::{Page, Section, header};
use data_pipeline::score::{Contest, Reached};

/// The whole page.
pub fn html(ablation: &Ablation, outcome: &Outcome) -> String {
    let seeds: Vec<String> = outcome.seeds.iter().map(u64::to_string).collect();
    let facts = [
        ("seeds", seeds.join(", ")),
        ("protocol", ablation.protocol.to_string()),
        ("trained on", ablation.seen.join(", ")),
    ];
    let mut sections = vec![Section::new("question", "Question", question(ablation, outcome))];
    for (index, contest) in outcome.contests.iter().enumerate() {
        let title = format!("{} · {} · {}", contest.dataset, contest.language, contest.task);
        let body = table(outcome, contest);
        sections.push(Section::new(format!("set-{index}"), title, body));
    }
    let facts: Vec<_> = facts.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let page = Page {
        title: ablation.title.clone(),
        header: header("knowcoder ablation", &ablation.title, &facts, ""),
        sections,
        // Numbers stand below their heads.
        style: "[id^=set-] thead th:nth-child(2):not(:last-child) { text-align: right; }\n\
                #question thead th:nth-child(3) { text-align: left; }\n\
                #question code { overflow-wrap: anywhere; }\n",
        script: "",
        empty: "No run is done yet.",
    };
    page.to_html()
}

fn question(ablation: &Ablation, outcome: &Outcome) -> String {
    let common = common(outcome);
    let code = |sets: &[&String]| -> String {
        let sets: Vec<String> =
            sets.iter().map(|set| format!("<code>{}</code>", escape(set))).collect();
        sets.join("<br>")
    };
    let variants: String = outcome
        .variants
        .iter()
        .map(|variant| {
            let own: Vec<&String> =
                variant.set.iter().filter(|set| !common.contains(set)).collect();
            format!(
                "<tr><th scope=\"row\">{}</th><td class=\"wrap left\">{}</td><td class=\"wrap left\">{}</td>\
                 <td>{} of {}</td></tr>",
                escape(&variant.name),
                escape(&variant.about),
                code(&own),
                variant.done.len(),
                outcome.seeds.len()
            )
        })
        .collect();
    let all = match common.is_empty() {
        true => String::new(),
        false => format!(
            "<details><summary>Values of all variants</summary><p>{}</p></details>",
            code(&common)
        ),
    };
    let smoke = match ablation.is_smoke {
        true => {
            "<p><b>Smoke: trained for a few steps on a few sentences; the numbers mean nothing.</b></p>"
        }
        false => "",
    };
    format!(
        "{smoke}<p>{}</p><p class=\"note\">What is known: {}</p><div class=\"scroll\"><table><thead><tr>\
         <th scope=\"col\">variant</th><th scope=\"col\">what it is</th><th scope=\"col\">its values</th>\
         <th scope=\"col\">seeds done</th></tr></thead><tbody>{variants}</tbody></table></div>{all}\
         <p class=\"note\">F1 in percent, mean over seeds; the others are compared with the first variant. \
         Intervals are 95 %: sentences and seeds are drawn again, the same ones for both. p: how often \
         chance alone would be as far apart, the answers to a sentence exchanged between the two.</p>",
        escape(&ablation.question),
        escape(&ablation.expects),
    )
}

/// The values that all variants have; none where there is one variant only.
fn common(outcome: &Outcome) -> Vec<&String> {
    let Some((first, others)) = outcome.variants.split_first().filter(|(_, it)| !it.is_empty())
    else {
        return Vec::new();
    };
    first.set.iter().filter(|set| others.iter().all(|it| it.set.contains(set))).collect()
}

fn table(outcome: &Outcome, contest: &Contest) -> String {
    if let Some(why) = &contest.undefined {
        return format!("<p class=\"note\">No score: {}</p>", escape(why));
    }
    let beside: String = outcome
        .variants
        .iter()
        .zip(&contest.results)
        .filter_map(|(variant, reached)| {
            let quality = beside(reached.as_ref())?;
            Some(format!("<p class=\"note\">{}: {quality}</p>", escape(&variant.name)))
        })
        .collect();
    let rows: String = outcome
        .variants
        .iter()
        .zip(&contest.results)
        .map(|(variant, reached)| {
            let cells: String = cells(reached.as_ref())
                .iter()
                .map(|cell| format!("<td>{}</td>", escape(cell)))
                .collect();
            format!("<tr><th scope=\"row\">{}</th>{cells}</tr>", escape(&variant.name))
        })
        .collect();
    let heads: String = ["variant", "F1", "95 %", "difference", "95 %", "p", "F1 of each seed"]
        .map(|name| format!("<th scope=\"col\">{name}</th>"))
        .concat();
    let seen = match contest.seen {
        Some(true) => ", trained on",
        Some(false) => ", never trained on",
        None => "",
    };
    format!(
        "<p class=\"note\">{} sentences, {} annotated objects{seen}</p><div class=\"scroll\"><table>\
         <thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{beside}",
        count(contest.sentences),
        count(contest.gold)
    )
}

fn cells(reached: Option<&Reached>) -> [String; 6] {
    let none = || "–".to_owned();
    let Some(Reached { f1, low, high, seeds, difference, .. }) = reached else {
        return std::array::from_fn(|_| none());
    };
    let [points, between, p] = match difference {
        None => std::array::from_fn(|_| none()),
        Some(it) => [
            signed(it.points),
            format!("{} … {}", signed(it.low), signed(it.high)),
            format!("{:.3}", it.p),
        ],
    };
    let each: Vec<String> = seeds.iter().map(|(seed, f1)| format!("{seed}: {f1:.1}")).collect();
    [format!("{f1:.1}"), format!("{low:.1}–{high:.1}"), points, between, p, each.join(", ")]
}

#[cfg(test)]
mod tests {
    use super::super::outcome::tests::specimen;
    use super::*;
    use crate::page::assert_sound;
    use data_pipeline::score::Quality;

    #[test]
    fn the_page_is_sound_and_says_what_the_table_says() {
        let (mut ablation, mut outcome) = specimen();
        let page = html(&ablation, &outcome);
        assert_sound(&page);
        assert!(page.contains("With and without &lt;alignment&gt;"), "{page}");
        for cell in ["35.0", "31.9–37.7", "+3.8", "+1.2 … +6.3", "0.004", "42: 30.1, 43: 32.3"]
        {
            assert!(page.contains(&format!("<td>{cell}</td>")), "{cell}: {page}");
        }
        assert!(page.contains("<td>1 of 2</td>"), "{page}");
        // What all variants have is said once.
        assert_eq!(page.matches("<code>phase.0.skip=true</code>").count(), 1, "{page}");
        outcome.variants[1].set.push("lora.rank=<8>".to_owned());
        let page = html(&ablation, &outcome);
        assert!(
            page.contains("<td class=\"wrap left\"><code>lora.rank=&lt;8&gt;</code></td>"),
            "{page}"
        );
        assert!(!page.contains("mean nothing"), "{page}");
        assert!(!page.contains("answers not read whole"), "{page}");
        if let Some(Some(reached)) = outcome.contests[0].results.get_mut(1) {
            reached.quality = Quality { unread: 3, ..Quality::default() };
        }
        outcome.contests[1].undefined = Some("it scores <entities> only".to_owned());
        let page = html(&ablation, &outcome);
        assert_sound(&page);
        for part in [
            "aligned-with-a-long-name: answers not read whole: 3;",
            "No score: it scores &lt;entities&gt;",
        ] {
            assert!(page.contains(part), "no {part} in {page}");
        }
        ablation.is_smoke = true;
        outcome.contests.clear();
        let page = html(&ablation, &outcome);
        assert_sound(&page);
        assert!(page.contains("the numbers mean nothing"), "{page}");
    }
}
