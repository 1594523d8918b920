//! Histograms as inline SVG, in the manner of the report's charts: bars in a unit square that
//! stretches, labels as HTML beside it.

use super::html::{compact, count, escape};
use data_pipeline::corpus::{Bin, Distribution};

/// Bins that a chart has room for on a phone.
const BINS: usize = 30;
/// The side of the unit square.
const SIDE: f64 = 1000.0;
/// The share of its place that a bar leaves free.
const GAP: f64 = 0.12;

/// The histogram as a `<figure>`, with what sums it up; nothing without values.
pub(super) fn histogram(title: &str, values: &Distribution) -> String {
    let bins = values.bins(BINS);
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(0);
    let (Some(first), Some(last), Some(median), Some(p95)) =
        (bins.first(), bins.last(), values.percentile(50), values.percentile(95))
    else {
        return String::new();
    };
    let width = SIDE / bins.len() as f64;
    let bars: String = bins
        .iter()
        .enumerate()
        .filter(|(_, bin)| bin.count > 0)
        .map(|(place, bin)| {
            let height = SIDE * bin.count as f64 / most as f64;
            format!(
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\">\
                 <title>{}: {}</title></rect>",
                (place as f64 + GAP / 2.0) * width,
                SIDE - height,
                (1.0 - GAP) * width,
                borders(bin),
                count(bin.count)
            )
        })
        .collect();
    // The tail that the last bar holds beyond its width is named, not drawn.
    let tail = if last.to - last.from > first.to - first.from { " and up" } else { "" };
    let end = if tail.is_empty() { last.to } else { last.from };
    format!(
        "<figure class=\"chart hist\"><figcaption>{title}<b>median {}, 95 % ≤ {}</b>\
         </figcaption><div class=\"plot\"><svg viewBox=\"0 0 1000 1000\" \
         preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{title}: {} to {}, median {}\">\
         {bars}</svg><span class=\"y end\" style=\"top:0%\">{}</span>\
         <span class=\"y end\" style=\"top:100%\">0</span>\
         <span class=\"x first\">{}</span><span class=\"x last\">{}{tail}</span></div></figure>",
        count(median),
        count(p95),
        count(values.least().unwrap_or_default()),
        count(values.most().unwrap_or_default()),
        count(median),
        compact(most as f64),
        count(first.from),
        count(end),
        title = escape(title),
    )
}

fn borders(bin: &Bin) -> String {
    if bin.from == bin.to {
        count(bin.from)
    } else {
        format!("{} to {}", count(bin.from), count(bin.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bar_is_inside_and_says_what_it_is() {
        let values: Distribution = [0, 1, 1, 3, 3, 3, 3].into_iter().collect();
        let svg = histogram("a < b", &values);
        assert_eq!(svg.matches("<rect").count(), 3);
        assert!(svg.contains("<rect x=\"15.0\" y=\"750.0\" width=\"220.0\" height=\"250.0\">"));
        assert!(svg.contains("<title>3: 4</title>") && svg.contains("a &lt; b"));
        assert!(svg.contains("<span class=\"x last\">3</span>"));
        assert_eq!(histogram("none", &Distribution::default()), "");
    }

    #[test]
    fn a_long_tail_is_named() {
        let values: Distribution = (0..1000).map(|i| i % 30).chain([5000]).collect();
        let svg = histogram("lengths", &values);
        assert!(svg.contains("<span class=\"x last\">29 and up</span>"), "{svg}");
        assert!(svg.contains("<title>29 to 5,000: "), "{svg}");
    }
}
