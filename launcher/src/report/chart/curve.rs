//! Curves with fewer points: a chart is hardly wider in pixels than a few hundred of them.

/// More points than this are thinned out.
const POINTS: usize = 400;
/// Beyond this nothing is drawn, and nearer to zero than one by it is zero: scales stay finite.
const MEASURE: f64 = 1e200;

/// `(step, value)`, ascending in the step.
pub(in crate::report) type Points = Vec<(f64, f64)>;

/// The points that have a place.
pub(in crate::report) fn drawable(points: &[(f64, f64)]) -> Points {
    points
        .iter()
        .filter(|(x, y)| x.is_finite() && y.abs() < MEASURE)
        .map(|(x, y)| (*x, if y.abs() < 1.0 / MEASURE { 0.0 } else { *y }))
        .collect()
}

/// The lowest and the highest point of each of a few hundred stretches: spikes stay visible.
pub(super) fn extremes(points: &[(f64, f64)]) -> Points {
    if points.len() <= POINTS {
        return points.to_vec();
    }
    let mut kept = Vec::new();
    for stretch in points.chunks(points.len().div_ceil(POINTS / 2)) {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let low = stretch.iter().min_by(by_value);
        let high = stretch.iter().max_by(by_value);
        let mut both: Points = low.into_iter().chain(high).copied().collect();
        both.sort_by(|a, b| a.0.total_cmp(&b.0));
        kept.extend(both);
    }
    kept
}

/// The mean of each of at most `most` stretches.
pub(super) fn means(points: &[(f64, f64)], most: usize) -> Points {
    if points.len() <= most {
        return points.to_vec();
    }
    points
        .chunks(points.len().div_ceil(most))
        .map(|stretch| {
            let n = stretch.len() as f64;
            let sum = stretch.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
            (sum.0 / n, sum.1 / n)
        })
        .collect()
}

/// The mean over a window of a tenth of the curve around each point, thinned out.
pub(super) fn smooth(points: &[(f64, f64)]) -> Points {
    means(&running_mean(points), POINTS)
}

fn running_mean(points: &[(f64, f64)]) -> Points {
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

    #[test]
    fn a_running_mean_keeps_level_and_ends() {
        let level: Points = (0..100).map(|i| (f64::from(i), 2.0)).collect();
        assert_eq!(running_mean(&level), level);
        let slope: Points = (0..100).map(|i| (f64::from(i), f64::from(i))).collect();
        assert_eq!(running_mean(&slope), slope);
    }

    #[test]
    fn what_has_no_place_is_left_out() {
        let points =
            [(1.0, f64::NAN), (2.0, f64::INFINITY), (3.0, 1e300), (4.0, 1e-300), (5.0, 1.0)];
        assert_eq!(drawable(&points), [(4.0, 0.0), (5.0, 1.0)]);
    }
}
