//! How the micro-batches of a step meet those of other ranks.

use super::micro::{Micro, Pass};
use super::tally::Tally;
use crate::Error;
use crate::collective::Collective;
use crate::exchange::{Exchange, Fill};
use model::backward::{Gradients, Ready};
use model::weight::add;

/// Each part is summed apart, then all in one tree: the same additions on every world.
pub(super) fn exact(
    exchange: &mut Exchange,
    pass: &Pass<'_>,
    parts: Vec<Vec<Micro>>,
    tally: &mut Tally,
    collective: &mut dyn Collective,
) -> Result<f64, Error> {
    // Sums over 1, 2, 4, … neighbouring parts that wait for their neighbours.
    let mut waiting: Vec<(usize, Gradients)> = Vec::new();
    for part in parts {
        let mut sum = Gradients::new();
        for micro in part {
            pass.micro(micro, tally, &mut sum, &mut |_| {});
        }
        let mut width = 1;
        while let Some((_, left)) = waiting.pop_if(|(left, _)| *left == width) {
            let right = std::mem::replace(&mut sum, left);
            for (path, gradient) in right {
                add(&mut sum, &path, gradient);
            }
            width *= 2;
        }
        waiting.push((width, sum));
    }
    let sum = waiting.pop().map(|(_, sum)| sum).unwrap_or_default();
    let fill = |filling: &mut dyn Fill| {
        for (path, gradient) in sum {
            filling.add(&path, gradient);
        }
    };
    Ok(exchange.round(collective, fill)?.1)
}

/// Every micro-batch is summed over the world, so that no rank ever holds all gradients.
pub(super) fn each_round(
    exchange: &mut Exchange,
    pass: &Pass<'_>,
    parts: Vec<Vec<Micro>>,
    tally: &mut Tally,
    collective: &mut dyn Collective,
) -> Result<f64, Error> {
    let micros: Vec<Micro> = parts.into_iter().flatten().collect();
    // Ranks have different numbers of micro-batches; all take part in as many sums.
    let mut counts = vec![0.0; collective.world()];
    counts[collective.rank()] = micros.len() as f32;
    collective.all_gather(&mut counts)?;
    let rounds = counts.into_iter().fold(0.0, f32::max) as usize;
    let mut micros = micros.into_iter();
    let mut waited = 0.0;
    for _ in 0..rounds.max(1) {
        let micro = micros.next();
        let work = |filling: &mut dyn Fill| {
            if let Some(micro) = micro {
                pass.micro(micro, tally, &mut Gradients::new(), &mut |ready| pour(filling, ready));
            }
        };
        waited += exchange.round(collective, work)?.1;
    }
    Ok(waited)
}

/// Gradients add up here, or in the buckets of a device; those of the last micro-batch leave as they come.
pub(super) fn last_round(
    exchange: &mut Exchange,
    pass: &Pass<'_>,
    parts: Vec<Vec<Micro>>,
    tally: &mut Tally,
    collective: &mut dyn Collective,
) -> Result<f64, Error> {
    let mut micros: Vec<Micro> = parts.into_iter().flatten().collect();
    let last = micros.pop();
    let mut sum = Gradients::new();
    for micro in micros {
        match exchange.is_on_device() {
            true => {
                let mut add = |ready: Ready<'_>| {
                    ready.take().iter().for_each(|(path, it)| exchange.add(path, it));
                };
                pass.micro(micro, tally, &mut Gradients::new(), &mut add);
            }
            false => pass.micro(micro, tally, &mut sum, &mut |_| {}),
        }
    }
    let work = |filling: &mut dyn Fill| {
        if let Some(micro) = last {
            pass.micro(micro, tally, &mut sum, &mut |ready| pour(filling, ready));
        }
        // What the last micro-batch had nothing to add to.
        for (path, gradient) in sum {
            filling.add(&path, gradient);
        }
    };
    Ok(exchange.round(collective, work)?.1)
}

fn pour(filling: &mut dyn Fill, ready: Ready<'_>) {
    for (path, gradient) in ready.take() {
        filling.add(&path, gradient);
    }
}
