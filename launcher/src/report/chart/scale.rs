//! Which value stands at which height of a chart.

/// More lines across a chart than this are thinned out.
const TICKS: usize = 9;

/// The values from the bottom of a chart to its top.
#[derive(Clone, Copy, Debug)]
pub(in crate::report) struct Scale {
    low: f64,
    high: f64,
    /// Whether equal heights are equal factors.
    pub logarithmic: bool,
}

impl Scale {
    /// A scale with room for `values`, which are finite.
    pub fn of(values: impl Iterator<Item = f64> + Clone, may_be_logarithmic: bool) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
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
    pub fn place(&self, value: f64) -> f64 {
        if self.logarithmic {
            // A mean over a stretch may lie a hair below the least value.
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// Round values on the scale, ascending.
    pub fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
            // Two or three decades have room for more than the powers of ten.
            let within: &[f64] = if last - first > 3 { &[1.0] } else { &[1.0, 3.0] };
            let every = ((last - first).max(0) as usize).div_ceil(TICKS).max(1);
            let decades = (first..=last).step_by(every).map(|power| 10f64.powi(power));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::html::figure;

    #[test]
    fn ticks_are_round() {
        let ticks = |low, high, logarithmic| {
            let ticks = Scale::of([low, high].into_iter(), logarithmic).ticks();
            ticks.into_iter().map(figure).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ticks(0.1, 0.9, false), "0 0.5 1");
        assert_eq!(ticks(0.1, 7.3, false), "0 2 4 6 8");
        assert_eq!(ticks(0.02, 9.0, true), "0.03 0.1 0.3 1 3");
        assert_eq!(ticks(2.0, 2.0, true), "0 0.5 1 1.5 2");
        assert_eq!(ticks(2e-20, 1.0, true), "1e−17 1e−14 1e−11 1e−8 1e−5 0.01");
    }
}
