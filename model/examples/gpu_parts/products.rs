//! Products of matrices, and what the device does at best.

use crate::arguments::Arguments;
use crate::seams::{Direction, routes};
use crate::{Failure, clock, network};
use burn::tensor::{DType, Device, Distribution, Tensor};
use serde_json::{Value, json};

fn matrix(arguments: &Arguments, rows: usize, columns: usize, dtype: DType) -> Tensor<2> {
    let values = Tensor::random(
        [rows, columns],
        Distribution::Uniform(-1.0, 1.0),
        (&arguments.device, DType::F32),
    );
    model::ops::cast(values, dtype)
}

/// A square product by each route, and `y = x + 1` over a gigabyte.
pub fn calibrate(arguments: &Arguments, print: &mut dyn FnMut(Value)) -> Result<(), Failure> {
    let (n, dtype) = (if arguments.is_tiny() { 256 } else { 8192 }, arguments.dtype());
    let rounds = arguments.number("rounds", 5, 20)?;
    let (a, b) = (matrix(arguments, n, n, dtype), matrix(arguments, n, n, dtype));
    for route in routes() {
        let work = || (route.product)(a.clone(), b.clone(), Direction::Forward);
        if work().is_none() {
            continue;
        }
        let found = repeated(&arguments.device, rounds, 10, &mut || drop(work()))?;
        let flops = 2.0 * (n as f64).powi(3);
        let rate = flops / clock::median(&found, "seconds") / 1e12;
        let (route, dtype) = (route.name, name(dtype));
        print(
            json!({"part": "calibrate", "case": "matmul", "route": route, "asked": asked(), "n": n, "dtype": dtype,
                     "tflops": rate, "time": found}),
        );
    }
    drop((a, b));
    let bytes: usize = if arguments.is_tiny() { 1 << 22 } else { 1 << 30 };
    let values = bytes / dtype.size();
    let x = matrix(arguments, values / 1024, 1024, dtype);
    let found = repeated(&arguments.device, rounds, 5, &mut || {
        drop(x.clone().add_scalar(1.0));
    })?;
    let rate = 2.0 * bytes as f64 / clock::median(&found, "seconds") / 1e9;
    print(
        json!({"part": "calibrate", "case": "copy", "bytes": bytes, "gb_per_second": rate, "time": found}),
    );
    Ok(())
}

/// The route that the environment asks the network for, if it does.
fn asked() -> Option<String> {
    std::env::var("KNOWCODER_GEMM").ok()
}

fn name(dtype: DType) -> &'static str {
    if dtype == DType::BF16 { "bf16" } else { "f32" }
}

/// `work` so often between two waits that launching it does not count, `rounds` times.
fn repeated(
    device: &Device,
    rounds: usize,
    times: usize,
    work: &mut dyn FnMut(),
) -> Result<Value, Failure> {
    let mut found = clock::phases(device, rounds, &["seconds"], &mut |marks| {
        (0..times).for_each(|_| work());
        marks.mark()
    })?;
    for key in ["median", "p10", "p90", "best"] {
        let seconds = found["seconds"][key].as_f64().unwrap_or(f64::NAN);
        found["seconds"][key] = (seconds / times as f64).into();
    }
    found["times"] = times.into();
    Ok(found)
}

/// Each product of a block and the head, in each direction, by each route.
pub fn gemm(arguments: &Arguments, print: &mut dyn FnMut(Value)) -> Result<(), Failure> {
    let (config, dtype) = (network::config(arguments)?, arguments.dtype());
    let m = if arguments.is_tiny() { 128 } else { 8192 };
    let rounds = arguments.number("rounds", 3, 10)?;
    let (h, f) = (config.hidden_size, config.intermediate_size);
    // Name, rows and columns of the weight; gate and up as one, as they may be computed.
    let shapes = [
        ("W_pack", config.linear_shape("W_pack")),
        ("o_proj", (h, h)),
        ("gate_up", (2 * f, h)),
        ("down_proj", (h, f)),
        ("head", (config.vocab_size, h)),
    ];
    for (case, (n, k)) in shapes {
        let (x, w) = (matrix(arguments, m, k, dtype), matrix(arguments, n, k, dtype));
        let dy = matrix(arguments, m, n, dtype);
        for (layout, direction) in [
            ("forward", Direction::Forward),
            ("input", Direction::Input),
            ("weight", Direction::Weight),
        ] {
            for route in routes() {
                let work = || match direction {
                    Direction::Forward => (route.product)(x.clone(), w.clone(), direction),
                    Direction::Input => (route.product)(dy.clone(), w.clone(), direction),
                    Direction::Weight => (route.product)(dy.clone(), x.clone(), direction),
                };
                if work().is_none() {
                    continue;
                }
                let found = repeated(&arguments.device, rounds, 5, &mut || drop(work()))?;
                let rate = 2.0 * (m * n * k) as f64 / clock::median(&found, "seconds") / 1e12;
                print(
                    json!({"part": "gemm", "case": case, "m": m, "n": n, "k": k, "layout": layout,
                             "route": route.name, "asked": asked(), "tflops": rate, "time": found}),
                );
            }
        }
    }
    Ok(())
}
