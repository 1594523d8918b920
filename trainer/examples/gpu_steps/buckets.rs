//! What several ranks pay beside the sums themselves: gradients into flat buffers.

use crate::arguments::Arguments;
use crate::host::{self, distance, values};
use crate::{Failure, clock, network};
use burn::tensor::{DType, Distribution, Tensor};
use model::ops;
use serde_json::{Value, json};

/// Of a sum of two values in bf16.
const APART: f64 = 1e-6;

/// A block's gradients, in the type of its weights, into one buffer in f32: put there, then added.
pub fn buckets(arguments: &Arguments, print: &mut dyn FnMut(Value)) -> Result<(), Failure> {
    let (shape, dtype) = (network::config(arguments)?, arguments.dtype());
    let rounds = arguments.number("rounds", 3, 20)?;
    let sizes: Vec<usize> = shape
        .linear_names()
        .iter()
        .map(|name| shape.linear_shape(name))
        .map(|(rows, columns)| rows * columns)
        .collect();
    let total: usize = sizes.iter().sum();
    let normal = Distribution::Normal(0.0, 1.0);
    let random = |n: &usize| Tensor::<1>::random([*n], normal, (&arguments.device, DType::F32));
    let gradients: Vec<Tensor<1>> = sizes.iter().map(|n| ops::cast(random(n), dtype)).collect();
    for (case, adds) in [("put", false), ("added", true)] {
        let mut buffer = Some(Tensor::<1>::zeros([total], (&arguments.device, DType::F32)));
        let mut times = 0;
        let time = clock::phases(&arguments.device, rounds, &["seconds"], &mut |marks| {
            let mut at = 0;
            for gradient in &gradients {
                let into = buffer.take().ok_or("the buffer is gone")?;
                let n = gradient.dims()[0];
                buffer = Some(ops::pour(into, at, gradient, 0..n, adds));
                at += n;
            }
            times += 1;
            marks.mark()
        })?;
        let buffer = buffer.ok_or("the buffer is gone")?;
        // The end of the last gradient: whatever went to a wrong place would be missing there.
        let (few, last) = (sizes[sizes.len() - 1].min(1000), &gradients[gradients.len() - 1]);
        let end = |t: &Tensor<1>| values(t.clone().narrow(0, t.dims()[0] - few, few));
        let factor = if adds { f64::from(times) } else { 1.0 };
        let expected: Vec<f64> = end(last).into_iter().map(|value| value * factor).collect();
        // Each value is read, its place written and, to be added to, read before.
        let moved = dtype.size() + if adds { 8 } else { 4 };
        let seconds = clock::median(&time, "seconds");
        print(json!({
            "part": "buckets", "case": case, "values": total, "dtype": format!("{dtype:?}"),
            "gb_per_second": (total * moved) as f64 / seconds / 1e9, "time": time,
            "checked": host::checked(distance(&end(&buffer), &expected), APART),
        }));
    }
    Ok(())
}
