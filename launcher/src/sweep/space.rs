//! What a sweep may choose: keys of a recipe, and the values of each.
//!
//! Samplers see a cube of side 1; here its points become values and values its points.

mod grid;
mod parse;

pub use parse::{Misplaced, parse};

use std::collections::BTreeMap;
use toml::Value;

/// Values by their keys; keys whose condition does not hold are absent.
pub type Point = BTreeMap<String, Value>;

/// Digits of a number that was drawn: more of them decide nothing and cannot be read.
const DIGITS: usize = 4;

/// All keys, those that conditions look at before those that have the conditions.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// In that order.
    pub dimensions: Vec<Dimension>,
}

/// A key and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Dimension {
    /// Dotted, as `--set` takes it.
    pub key: String,
    /// What it may be.
    pub range: Range,
    /// It is there only where each of these keys has one of these values.
    pub when: Vec<(String, Vec<Value>)>,
}

/// What a key may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// One of these, which have no order.
    Values(Vec<Value>),
    /// A number between two, equal distances being equally likely.
    Uniform(Span),
    /// A number between two, equal factors being equally likely.
    Log(Span),
    /// A whole number.
    Int {
        /// The least.
        low: i64,
        /// Not above it.
        high: i64,
        /// From one to the next.
        step: i64,
    },
}

/// Two numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The lower one.
    pub low: f64,
    /// The higher one.
    pub high: f64,
    /// How many values a grid has, both ends among them.
    pub points: Option<usize>,
}

impl Space {
    /// The values at a place of the cube, one coordinate for each dimension.
    pub fn point(&self, place: &[f64]) -> Point {
        let mut point = Point::new();
        for (dimension, at) in self.dimensions.iter().zip(place) {
            if dimension.is_there(&point) {
                point.insert(dimension.key.clone(), dimension.range.value(*at));
            }
        }
        point
    }

    /// The place of values in the cube; `None` for those that are absent.
    pub fn place(&self, point: &Point) -> Vec<Option<f64>> {
        let of = |it: &Dimension| point.get(&it.key).and_then(|value| it.range.place(value));
        self.dimensions.iter().map(of).collect()
    }

    /// A point that has `key`, whatever its conditions are, and lies at `at` elsewhere.
    pub fn point_with(&self, key: &str, at: f64) -> Point {
        let mut wanted: BTreeMap<&str, &Value> = BTreeMap::new();
        let mut keys = vec![key];
        while let Some(key) = keys.pop() {
            let dimension = self.dimensions.iter().find(|it| it.key == key);
            for (on, values) in dimension.into_iter().flat_map(|it| &it.when) {
                if let Some(value) = values.first() {
                    wanted.insert(on, value);
                    keys.push(on);
                }
            }
        }
        let mut point = Point::new();
        for dimension in &self.dimensions {
            if dimension.is_there(&point) {
                let wanted = wanted.get(dimension.key.as_str()).map(|value| (*value).clone());
                let value = wanted.unwrap_or_else(|| dimension.range.value(at));
                point.insert(dimension.key.clone(), value);
            }
        }
        point
    }
}

impl Dimension {
    /// Whether its condition holds where the keys before it have these values.
    pub fn is_there(&self, point: &Point) -> bool {
        let is_one = |it: &Value, values: &[Value]| values.iter().any(|value| is_same(it, value));
        self.when.iter().all(|(key, values)| point.get(key).is_some_and(|it| is_one(it, values)))
    }
}

impl Range {
    /// The value at a coordinate from 0 to 1.
    pub fn value(&self, at: f64) -> Value {
        let at = at.clamp(0.0, 1.0);
        let pick = |count: usize| ((at * count as f64) as usize).min(count.saturating_sub(1));
        match self {
            Self::Values(values) => values[pick(values.len())].clone(),
            Self::Uniform(span) => {
                Value::Float(span.rounded(span.low + at * (span.high - span.low)))
            }
            Self::Log(span) => {
                let (low, high) = (span.low.ln(), span.high.ln());
                Value::Float(span.rounded((low + at * (high - low)).exp()))
            }
            Self::Int { low, high, step } => {
                let count = ((high - low) / step + 1) as usize;
                Value::Integer(low + step * pick(count) as i64)
            }
        }
    }

    /// The coordinate of a value; that of a choice is the middle of its part.
    pub fn place(&self, value: &Value) -> Option<f64> {
        let middle = |index: usize, count: usize| (index as f64 + 0.5) / count as f64;
        let within = |low: f64, high: f64, at: f64| match high > low {
            true => ((at - low) / (high - low)).clamp(0.0, 1.0),
            false => 0.5,
        };
        match self {
            Self::Values(values) => {
                let index = values.iter().position(|it| is_same(it, value))?;
                Some(middle(index, values.len()))
            }
            Self::Uniform(span) => Some(within(span.low, span.high, number(value)?)),
            Self::Log(span) => Some(within(
                span.low.ln(),
                span.high.ln(),
                number(value)?.max(f64::MIN_POSITIVE).ln(),
            )),
            Self::Int { low, high, step } => {
                let index = value.as_integer()?.checked_sub(*low)? / step;
                Some(middle(usize::try_from(index).ok()?, ((high - low) / step + 1) as usize))
            }
        }
    }

    /// The values of a grid, if they have an end.
    fn grid(&self) -> Option<Vec<Value>> {
        match self {
            Self::Values(values) => Some(values.clone()),
            Self::Int { low, high, step } => Some(
                (0..=(high - low) / step).map(|index| Value::Integer(low + step * index)).collect(),
            ),
            Self::Uniform(span) | Self::Log(span) => {
                let last = span.points?.checked_sub(1)?;
                let at = |index: usize| if last == 0 { 0.5 } else { index as f64 / last as f64 };
                Some((0..=last).map(|index| self.value(at(index))).collect())
            }
        }
    }

    /// How many values there are, where they have no order.
    pub fn choices(&self) -> Option<usize> {
        match self {
            Self::Values(values) => Some(values.len()),
            _ => None,
        }
    }
}

impl Span {
    /// A number with few digits, still within.
    fn rounded(&self, number: f64) -> f64 {
        let short = format!("{number:.*e}", DIGITS - 1).parse().unwrap_or(number);
        f64::clamp(short, self.low, self.high)
    }
}

/// Whether two values are the same; digits that a number may lose on its way through JSON do not count.
pub fn is_same(a: &Value, b: &Value) -> bool {
    match (a.as_float(), b.as_float()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-12 * a.abs(),
        _ => a == b,
    }
}

/// A number, whole or not.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        _ => None,
    }
}

/// `a.b = 1, c = "x"`: values as a person reads them.
pub fn told(point: &Point) -> String {
    let pairs: Vec<String> = point.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    pairs.join(", ")
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// A space with a key of each kind, one of them with a condition.
    pub fn specimen() -> Space {
        let text = "name = { values = [\"adamw\", \"muon\"] }\nrate = { log = [1e-5, 1e-1], points = 3 }\n\
                    width = { int = [4, 19], step = 5 }\ndropout = { uniform = [0, 0.5], points = 2 }\n\
                    momentum = { values = [0.9, 0.95], when = { name = \"muon\" } }\n";
        parse(&text.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_grid_has_each_combination_once_and_no_absent_key() {
        let space = specimen();
        let grid = space.grid().unwrap();
        // Names, rates, widths and dropouts; the momentum for one of the names.
        assert_eq!(grid.count(), 3 * 4 * 2 * (1 + 2));
        let grid: Vec<Point> = (0..grid.count()).filter_map(|it| grid.point(it)).collect();
        for (index, point) in grid.iter().enumerate() {
            assert!(!grid[..index].contains(point), "{point:?}");
            assert_eq!(point.contains_key("momentum"), point["name"].as_str() == Some("muon"));
        }
        let rates: Vec<&Value> = grid.iter().map(|point| &point["rate"]).collect();
        assert!(rates.contains(&&Value::Float(1e-3)));
    }

    #[test]
    fn a_key_with_a_condition_can_be_asked_for() {
        let space = specimen();
        let point = space.point_with("momentum", 0.0);
        assert_eq!(
            (point["name"].as_str(), point["momentum"].as_float()),
            (Some("muon"), Some(0.9))
        );
        assert_eq!(told(&space.point_with("rate", 0.0)).split(", ").count(), 4);
    }

    proptest! {
        #[test]
        fn every_place_is_a_point_that_lies_there(place in proptest::collection::vec(0.0..1.0f64, 5)) {
            let space = specimen();
            let point = space.point(&place);
            let back = space.place(&point);
            for ((dimension, at), found) in space.dimensions.iter().zip(&place).zip(&back) {
                prop_assert_eq!(point.contains_key(&dimension.key), found.is_some());
                let Some(found) = found else { continue };
                // A value's place lies within its part of the side, and gives the value again.
                let part = dimension.range.choices().unwrap_or(4) as f64;
                prop_assert!((found - at).abs() <= 0.5 / part + 1e-3, "{} {at} {found}", dimension.key);
                prop_assert_eq!(&dimension.range.value(*found), &point[&dimension.key]);
            }
            // The log keeps values as JSON.
            let text = serde_json::to_string(&point).unwrap();
            prop_assert_eq!(serde_json::from_str::<Point>(&text).unwrap(), point);
        }
    }
}
