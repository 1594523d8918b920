//! How fast a device is at what training asks of it most: products of matrices, and reading and writing memory.

use crate::recipe::Precision;
use crate::{Error, device};
use burn::tensor::{DType, Device, Distribution, Tensor};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How long each is tried; the fastest counts, since clocks rise and others disturb.
const TRIED: Duration = Duration::from_millis(1500);

/// Products that are queued before one waits for them: a device is not idle while the next is asked for.
const QUEUED: usize = 4;

/// What a device reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Floating-point operations a second in the type that training computes in there.
    pub flops_per_second: f64,
    /// Bytes a second that an operation over a large tensor reads and writes.
    pub memory_bytes_per_second: f64,
}

/// Measures the first device called `name`; on the CPU, with the threads that this process computes with.
pub fn measure(name: &str) -> Result<Rates, Error> {
    let of = device::of(name, 0)?;
    // As large as training's own matrices there; a CPU would need minutes for those of a GPU.
    let (side, values) = if device::is_host(&of) { (768, 16 << 20) } else { (8192, 256 << 20) };
    Ok(Rates {
        flops_per_second: products(side, Precision::of_device(name), &of),
        memory_bytes_per_second: passes(values, &of),
    })
}

/// Operations a second of products of square matrices.
fn products(side: usize, precision: Precision, device: &Device) -> f64 {
    let dtype = match precision {
        Precision::F32 => DType::F32,
        Precision::Bf16 => DType::BF16,
    };
    // Random values: a device draws less power, and runs faster, on zeros.
    let random = || {
        let values = Tensor::<2>::random([side, side], Distribution::Default, device);
        model::ops::cast(values, dtype)
    };
    let (a, b) = (random(), random());
    let seconds = fastest(|| {
        let mut last = a.clone().matmul(b.clone());
        for _ in 1..QUEUED {
            last = a.clone().matmul(b.clone());
        }
        arrived(last.narrow(0, 0, 1).narrow(1, 0, 1));
    });
    QUEUED as f64 * 2.0 * (side as f64).powi(3) / seconds
}

/// Bytes a second of additions to a large tensor.
fn passes(values: usize, device: &Device) -> f64 {
    let tensor = Tensor::<1>::ones([values], device);
    let seconds = fastest(|| {
        let mut last = tensor.clone() + 1.0;
        for _ in 1..QUEUED {
            last = tensor.clone() + 1.0;
        }
        arrived(last.narrow(0, 0, 1));
    });
    // Each value is read and written.
    QUEUED as f64 * 8.0 * values as f64 / seconds
}

/// Waits for a value, which comes behind everything that was asked for before it. It is looked at, since a
/// GPU's data are copied, and waited for, no earlier.
fn arrived<const D: usize>(value: Tensor<D>) {
    std::hint::black_box(value.into_data().iter::<f32>().next());
}

/// Seconds of the fastest of several times, the first one left out: kernels are compiled in it.
fn fastest(mut work: impl FnMut()) -> f64 {
    work();
    let ends = Instant::now() + TRIED;
    let mut best = f64::INFINITY;
    while best.is_infinite() || Instant::now() < ends {
        let started = Instant::now();
        work();
        best = best.min(started.elapsed().as_secs_f64());
    }
    best.max(1e-9)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    #[cfg(feature = "flex")]
    fn a_processor_has_both_rates() {
        let rates = measure("flex").unwrap();
        // Far below any machine and far above any mistake of units.
        assert!((1e7..1e16).contains(&rates.flops_per_second), "{rates:?}");
        assert!((1e6..1e14).contains(&rates.memory_bytes_per_second), "{rates:?}");
        assert!(measure("no such device").is_err());
    }
}
