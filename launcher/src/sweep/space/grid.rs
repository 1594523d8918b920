//! A grid by numbers: its points are counted and found one by one, and never all of them at once.

use super::{Dimension, Point, Space, is_same};
use std::collections::HashMap;
use toml::Value;

/// Every combination of values, the last key changing fastest.
#[derive(Clone, Debug)]
pub struct Grid<'a> {
    dimensions: &'a [Dimension],
    /// Of each key.
    values: Vec<Vec<Value>>,
    /// Whether a condition of another key looks at it.
    decides: Vec<bool>,
}

impl Space {
    /// Its grid; `Err` names a key that has no end of values.
    pub fn grid(&self) -> Result<Grid<'_>, String> {
        let values = |it: &Dimension| it.range.grid().ok_or_else(|| it.key.clone());
        let is_asked = |it: &Dimension| {
            self.dimensions.iter().any(|other| other.when.iter().any(|(key, _)| *key == it.key))
        };
        Ok(Grid {
            dimensions: &self.dimensions,
            values: self.dimensions.iter().map(values).collect::<Result<_, _>>()?,
            decides: self.dimensions.iter().map(is_asked).collect(),
        })
    }
}

impl Grid<'_> {
    /// How many points there are; the largest number where there are even more.
    pub fn count(&self) -> u128 {
        self.count_from(0, &mut Point::new())
    }

    /// The point with this number, from 0.
    pub fn point(&self, mut number: u128) -> Option<Point> {
        let mut point = Point::new();
        for (index, dimension) in self.dimensions.iter().enumerate() {
            if !dimension.is_there(&point) {
                continue;
            }
            let key = &dimension.key;
            if self.decides[index] {
                let parts = self.parts(index, &mut point);
                let found = parts.into_iter().find(|(_, count)| match number.checked_sub(*count) {
                    None => true,
                    Some(rest) => {
                        number = rest;
                        false
                    }
                });
                point.insert(key.clone(), found?.0.clone());
            } else {
                // As many points for each value: a digit of the number.
                let each = self.count_from(index + 1, &mut point).max(1);
                let value = self.values[index].get(usize::try_from(number / each).ok()?)?;
                point.insert(key.clone(), value.clone());
                number %= each;
            }
        }
        (number == 0).then_some(point)
    }

    /// Points of the keys from `index` on, where those before it have these values, of which only those that decide
    /// are looked at.
    fn count_from(&self, index: usize, point: &mut Point) -> u128 {
        let Some(dimension) = self.dimensions.get(index) else { return 1 };
        if !dimension.is_there(point) {
            return self.count_from(index + 1, point);
        }
        match self.decides[index] {
            true => {
                let parts = self.parts(index, point);
                parts.iter().fold(0, |all, (_, count)| all.saturating_add(*count))
            }
            false => {
                let each = self.count_from(index + 1, point);
                (self.values[index].len() as u128).saturating_mul(each)
            }
        }
    }

    /// The values of a key that decides, with the points behind each: values between which no condition tells have as
    /// many, and are counted once.
    fn parts(&self, index: usize, point: &mut Point) -> Vec<(&Value, u128)> {
        let key = &self.dimensions[index].key;
        let conditions: Vec<&Vec<Value>> = self
            .dimensions
            .iter()
            .flat_map(|it| it.when.iter().filter(|(on, _)| on == key).map(|(_, values)| values))
            .collect();
        let mut known: HashMap<Vec<bool>, u128> = HashMap::new();
        let mut parts = Vec::new();
        for value in &self.values[index] {
            let holds = |values: &&Vec<Value>| values.iter().any(|it| is_same(value, it));
            let kind: Vec<bool> = conditions.iter().map(holds).collect();
            let count = match known.get(&kind) {
                Some(count) => *count,
                None => {
                    point.insert(key.clone(), value.clone());
                    let count = self.count_from(index + 1, point);
                    point.remove(key);
                    known.insert(kind, count);
                    count
                }
            };
            parts.push((value, count));
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::parse;
    use super::super::tests::specimen;
    use super::*;

    fn space(text: &str) -> Space {
        parse(&text.parse().unwrap()).unwrap()
    }

    /// Every point, made one key after the other.
    fn all(space: &Space) -> Vec<Point> {
        let mut points = vec![Point::new()];
        for dimension in &space.dimensions {
            let mut more = Vec::new();
            for point in points {
                if !dimension.is_there(&point) {
                    more.push(point);
                    continue;
                }
                for value in dimension.range.grid().unwrap() {
                    let mut point = point.clone();
                    point.insert(dimension.key.clone(), value);
                    more.push(point);
                }
            }
            points = more;
        }
        points
    }

    #[test]
    fn points_are_those_of_all_combinations_in_their_order() {
        let chain = "a = { values = [1, 2, 3] }\nb = { int = [1, 4], when = { a = [1, 3] } }\n\
                     c = { values = [5, 6], when = { b = [2, 3] } }\nd = { values = [7, 8], when = { a = 2 } }\n\
                     e = { values = [9, 10, 11] }\n";
        let both = "a = { values = [1, 2] }\nb = { values = [1, 2] }\n\
                    c = { values = [1, 2, 3], when = { a = 1, b = 2 } }\n";
        for space in [specimen(), space(chain), space(both), space("x = { values = [1] }")] {
            let expected = all(&space);
            let grid = space.grid().unwrap();
            assert_eq!(grid.count(), expected.len() as u128);
            for (number, point) in expected.iter().enumerate() {
                assert_eq!(grid.point(number as u128).as_ref(), Some(point), "{number}");
            }
            assert_eq!(grid.point(grid.count()), None);
            assert_eq!(grid.point(u128::MAX), None);
        }
    }

    #[test]
    fn grids_that_no_memory_holds_are_counted_and_read() {
        let keys: Vec<String> =
            (0..9).map(|key| format!("k{key} = {{ int = [1, 9000] }}")).collect();
        let space = space(&keys.join("\n"));
        let grid = space.grid().unwrap();
        let count = 9000u128.pow(9);
        assert_eq!(grid.count(), count);
        let value =
            |number: u128, key: &str| grid.point(number).unwrap()[key].as_integer().unwrap();
        assert_eq!((value(0, "k8"), value(1, "k8"), value(9000, "k8")), (1, 2, 1));
        assert_eq!((value(9000, "k7"), value(count - 1, "k0")), (2, 9000));
        assert_eq!(grid.point(count), None);
        // More than numbers tell is many.
        let keys: Vec<String> =
            (0..12).map(|key| format!("k{key} = {{ int = [1, 9000] }}")).collect();
        assert_eq!(
            super::super::parse(&keys.join("\n").parse().unwrap()).unwrap().grid().unwrap().count(),
            u128::MAX
        );
    }

    #[test]
    fn a_key_without_an_end_is_named() {
        assert_eq!(space("x = { uniform = [0, 1] }").grid().unwrap_err(), "x");
    }
}
