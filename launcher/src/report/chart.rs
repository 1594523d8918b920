//! Line charts as inline SVG.
//!
//! Lines are drawn in a unit square that stretches to whatever width the page gives; labels are
//! HTML at percentages of it, so that they keep their size on a phone and their colour in the dark.

use super::html::{compact, escape, figure};

/// More points than this are thinned out: a chart is hardly wider in pixels.
const POINTS: usize = 400;
/// The side of the unit square.
const SIDE: f64 = 1000.0;

/// A curve, and how to draw it.
pub(super) struct Chart<'a> {
    /// What is measured.
    pub title: &'a str,
    /// What to write beside the title: what the curve comes to.
    pub value: String,
    /// `(step, value)`, ascending in the step.
    pub points: &'a [(f64, f64)],
    /// Whether a wide range of positive values is drawn on a logarithmic scale.
    pub logarithmic: bool,
    /// Whether single points are faint and a running mean is drawn over them.
    pub smooth: bool,
}

/// The chart as a `<figure>`; nothing if there is no finite point.
pub(super) fn chart(chart: &Chart) -> String {
    let points: Vec<(f64, f64)> =
        chart.points.iter().copied().filter(|(_, y)| y.is_finite()).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return String::new();
    };
    let scale = Scale::of(&points, chart.logarithmic);
    let x = |step: f64| SIDE * (step - first.0) / (last.0 - first.0).max(f64::MIN_POSITIVE);
    let y = |value: f64| SIDE * (1.0 - scale.place(value));
    let path = |points: &[(f64, f64)]| -> String {
        // A single point becomes a level line.
        let points =
            if points.len() == 1 { [points[0], points[0]].to_vec() } else { points.to_vec() };
        let end = points.len() - 1;
        let level = last.0 <= first.0;
        points
            .iter()
            .enumerate()
            .map(|(i, point)| {
                let x = if level { SIDE * i as f64 / end as f64 } else { x(point.0) };
                format!("{}{:.1} {:.1}", if i == 0 { 'M' } else { 'L' }, x, y(point.1))
            })
            .collect()
    };
    let thin = extremes(&points);
    let lines = if chart.smooth && points.len() > 20 {
        let smooth = means(&running_mean(&points));
        format!(
            "<path class=\"raw\" d=\"{}\"/><path class=\"line\" d=\"{}\"/>",
            path(&thin),
            path(&smooth)
        )
    } else {
        format!("<path class=\"line\" d=\"{}\"/>", path(&thin))
    };
    let ticks = scale.ticks();
    let grid: String = ticks.iter().map(|tick| format!("M0 {:.1}H1000", y(*tick))).collect();
    let ends = [ticks.first(), ticks.last()];
    let labels: String = ticks
        .iter()
        .map(|tick| {
            let end = if ends.contains(&Some(tick)) { " end" } else { "" };
            format!(
                "<span class=\"y{end}\" style=\"top:{:.1}%\">{}</span>",
                y(*tick) / SIDE * 100.0,
                compact(*tick)
            )
        })
        .collect();
    let note = if scale.logarithmic { " <i>log scale</i>" } else { "" };
    format!(
        "<figure class=\"chart\"><figcaption>{title}{note}<b>{value}</b></figcaption>\
         <div class=\"plot\"><svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" \
         role=\"img\" aria-label=\"{title} by step\"><path class=\"grid\" d=\"{grid}\"/>{lines}</svg>\
         {labels}<span class=\"x first\">{}</span><span class=\"x last\">{}</span></div></figure>",
        figure(first.0),
        figure(last.0),
        title = escape(chart.title),
        value = escape(&chart.value),
    )
}

/// Which value stands at which height.
struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Scale {
    fn of(points: &[(f64, f64)], may_be_logarithmic: bool) -> Self {
        let low = points.iter().map(|(_, y)| *y).fold(f64::INFINITY, f64::min);
        let high = points.iter().map(|(_, y)| *y).fold(f64::NEG_INFINITY, f64::max);
        if may_be_logarithmic && low > 0.0 && high > 30.0 * low {
            return Self { low, high, logarithmic: true };
        }
        // From zero: half the height is half the value.
        let (low, high) = (low.min(0.0), high.max(0.0));
        let high = if low == high { low + 1.0 } else { high };
        let step = nice((high - low) / 4.0);
        Self {
            low: (low / step).floor() * step,
            high: (high / step).ceil() * step,
            logarithmic: false,
        }
    }

    /// 0 at the bottom, 1 at the top.
    fn place(&self, value: f64) -> f64 {
        if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
            // Two or three decades have room for more than the powers of ten.
            let within: &[f64] = if last - first > 3 { &[1.0] } else { &[1.0, 3.0] };
            let decades = (first..=last).map(|power| 10f64.powi(power));
            decades
                .flat_map(|decade| within.iter().map(move |digit| digit * decade))
                .filter(|tick| (self.low..=self.high).contains(tick))
                .collect()
        } else {
            let step = nice((self.high - self.low) / 4.0);
            let steps = ((self.high - self.low) / step).round() as usize;
            (0..=steps).map(|i| self.low + i as f64 * step).collect()
        }
    }
}

/// The next 1, 2 or 5 times a power of ten.
fn nice(step: f64) -> f64 {
    let decade = 10f64.powf(step.log10().floor());
    let digit = step / decade;
    // A hair's breadth above a nice number is that number.
    decade * [1.0, 2.0, 5.0].into_iter().find(|nice| digit <= nice * 1.000_001).unwrap_or(10.0)
}

/// The lowest and the highest point of each of a few hundred stretches: spikes stay visible.
fn extremes(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= POINTS {
        return points.to_vec();
    }
    let mut kept = Vec::new();
    for stretch in points.chunks(points.len().div_ceil(POINTS / 2)) {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let low = stretch.iter().min_by(by_value);
        let high = stretch.iter().max_by(by_value);
        let mut both: Vec<(f64, f64)> = low.into_iter().chain(high).copied().collect();
        both.sort_by(|a, b| a.0.total_cmp(&b.0));
        kept.extend(both);
    }
    kept
}

/// The mean of each of a few hundred stretches.
fn means(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= POINTS {
        return points.to_vec();
    }
    points
        .chunks(points.len().div_ceil(POINTS))
        .map(|stretch| {
            let n = stretch.len() as f64;
            let sum = stretch.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
            (sum.0 / n, sum.1 / n)
        })
        .collect()
}

/// The mean over a window of a tenth of the curve around each point.
fn running_mean(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let half = (points.len() / 20).max(1);
    let mut sums = vec![0.0];
    for (_, y) in points {
        sums.push(sums[sums.len() - 1] + y);
    }
    (0..points.len())
        .map(|i| {
            // The window shrinks evenly towards the ends, so that it never looks to one side.
            let half = half.min(i).min(points.len() - 1 - i);
            let (from, to) = (i - half, i + half + 1);
            (points[i].0, (sums[to] - sums[from]) / (to - from) as f64)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(points: &[(f64, f64)]) -> String {
        chart(&Chart {
            title: "loss",
            value: String::new(),
            points,
            logarithmic: true,
            smooth: true,
        })
    }

    #[test]
    fn ticks_are_round() {
        let ticks = |low, high, logarithmic| {
            let ticks = Scale::of(&[(0.0, low), (1.0, high)], logarithmic).ticks();
            ticks.into_iter().map(figure).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ticks(0.1, 0.9, false), "0 0.5 1");
        assert_eq!(ticks(0.1, 7.3, false), "0 2 4 6 8");
        assert_eq!(ticks(0.02, 9.0, true), "0.03 0.1 0.3 1 3");
    }

    #[test]
    fn odd_curves_are_drawn_or_left_out() {
        assert_eq!(drawn(&[]), "");
        assert_eq!(drawn(&[(1.0, f64::NAN)]), "");
        for points in [
            vec![(5.0, 0.0)],
            vec![(1.0, 2.0), (2.0, 2.0)],
            vec![(1.0, -1.0), (2.0, f64::INFINITY), (3.0, 1.0)],
            (0..10_000).map(|i| (f64::from(i), f64::from(i % 7))).collect(),
        ] {
            let svg = drawn(&points);
            assert!(svg.contains("class=\"line\"") && !svg.contains("NaN") && !svg.contains("inf"));
            assert!(svg.len() < 20_000, "{}", svg.len());
        }
    }

    #[test]
    fn a_running_mean_keeps_level_and_ends() {
        let level: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i), 2.0)).collect();
        assert_eq!(running_mean(&level), level);
        let slope: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i), f64::from(i))).collect();
        assert_eq!(running_mean(&slope), slope);
    }
}
