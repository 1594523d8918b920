//! What each way of a product computes, and how long it takes.

use super::{Bench, Choice, Route, Shape, Timing};

/// How far results may lie apart, as a share of their norm. Two roundings to bf16 make 0.0017.
const TOLERANCE: f64 = 0.01;

/// `None` where no way gives a result that others can be held against.
pub(super) fn measured(shape: &Shape, routes: &[Route], bench: &mut dyn Bench) -> Option<Choice> {
    let (judge, expected) = judge(routes, bench)?;
    let mut timings = Vec::new();
    for (index, route) in routes.iter().enumerate() {
        let checked = match index == judge {
            true => Ok(()),
            false => bench.sample(route).and_then(|found| same(&found, &expected)),
        };
        let (microseconds, refused) = match checked.and_then(|()| bench.microseconds(route)) {
            Ok(time) => (Some(time), None),
            Err(why) => (None, Some(why)),
        };
        timings.push(Timing { route: route.clone(), microseconds, refused });
    }
    let fastest = timings
        .iter()
        .filter_map(|timing| Some((timing.microseconds.filter(|time| time.is_finite())?, timing)))
        .min_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(Choice { shape: shape.clone(), route: fastest.1.route.clone(), timings })
}

/// The first way that works, and what it computes of operands that say something: those of an adapter that has
/// not learned yet give 0 by any way, and made-up ones take their place.
fn judge(routes: &[Route], bench: &mut dyn Bench) -> Option<(usize, Vec<f32>)> {
    loop {
        // Only a way that fails is passed over here: one that gives 0 may be right.
        let mut ways = routes.iter().enumerate();
        let first = ways.find_map(|(index, route)| Some((index, bench.sample(route).ok()?)));
        if let Some(found) = first.filter(|(_, numbers)| tells(numbers)) {
            return Some(found);
        }
        if !bench.make_up() {
            break;
        }
    }
    let mut ways = routes.iter().enumerate();
    ways.find_map(|(index, route)| {
        let numbers = bench.sample(route).ok()?;
        tells(&numbers).then_some((index, numbers))
    })
}

/// Whether other results can be held against this one.
fn tells(numbers: &[f32]) -> bool {
    let size = norm(numbers);
    size > 0.0 && size.is_finite()
}

/// Whether two results are one but for rounding, or by how much they differ.
pub(crate) fn same(found: &[f32], expected: &[f32]) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("gave {} numbers, expected {}", found.len(), expected.len()));
    }
    let apart: Vec<f32> = found.iter().zip(expected).map(|(a, b)| a - b).collect();
    let apart = norm(&apart) / norm(expected);
    // Not a number is not within the tolerance, either.
    if apart <= TOLERANCE {
        return Ok(());
    }
    Err(format!("lies {apart:.3} of the norm apart, at most {TOLERANCE} is rounding"))
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt()
}
