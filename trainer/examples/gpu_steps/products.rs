//! Products of matrices, and what the device does at best.

use crate::arguments::Arguments;
use crate::seams::{Route, routes};
use crate::{Failure, clock, host, network};
use burn::tensor::{DType, Device, Distribution, Tensor};
use model::ops::{Transposed, last_product_way};
use serde_json::{Value, json};

fn matrix(arguments: &Arguments, rows: usize, columns: usize, dtype: DType) -> Tensor<2> {
    let values = Tensor::random(
        [rows, columns],
        Distribution::Uniform(-1.0, 1.0),
        (&arguments.device, DType::F32),
    );
    model::ops::cast(values, dtype)
}

/// The routes that are measured: of all, the network's alone where the environment says which way that takes,
/// since the tensor library's own may search for minutes.
fn wanted() -> impl Iterator<Item = Route> {
    let all = routes();
    let count = if asked().is_some() { 1 } else { all.len() };
    all.into_iter().take(count)
}

/// A square product by each route, and `y = x + 1` over a gigabyte.
pub fn calibrate(arguments: &Arguments, print: &mut dyn FnMut(Value)) -> Result<(), Failure> {
    let (n, dtype) = (if arguments.is_tiny() { 256 } else { 8192 }, arguments.dtype());
    let rounds = arguments.number("rounds", 5, 20)?;
    let (a, b) = (matrix(arguments, n, n, dtype), matrix(arguments, n, n, dtype));
    for route in wanted() {
        let work = || (route.product)(a.clone(), b.clone(), Transposed::Second);
        let (found, last) = repeated(&arguments.device, rounds, 10, &work)?;
        let way = way(route.name);
        let apart = host::distance(&sampled(&last), &products_of(&a, &b, Transposed::Second));
        let flops = 2.0 * (n as f64).powi(3);
        let rate = flops / clock::median(&found, "seconds") / 1e12;
        let (route, dtype) = (route.name, name(dtype));
        print(
            json!({"part": "calibrate", "case": "matmul", "route": route, "asked": asked(), "took": way, "n": n, "dtype": dtype,
                     "checked": host::checked(apart, PRODUCTS_APART), "tflops": rate, "time": found}),
        );
    }
    drop((a, b));
    let bytes: usize = if arguments.is_tiny() { 1 << 22 } else { 1 << 30 };
    let values = bytes / dtype.size();
    let x = matrix(arguments, values / 1024, 1024, dtype);
    let (found, last) = repeated(&arguments.device, rounds, 5, &|| x.clone().add_scalar(1.0))?;
    let expected: Vec<f64> = sampled(&x).into_iter().map(|it| it + 1.0).collect();
    let apart = host::distance(&sampled(&last), &expected);
    let rate = 2.0 * bytes as f64 / clock::median(&found, "seconds") / 1e9;
    print(
        json!({"part": "calibrate", "case": "copy", "bytes": bytes, "gb_per_second": rate, "time": found,
                 "checked": host::checked(apart, PRODUCTS_APART)}),
    );
    Ok(())
}

/// The route that the environment asks the network for, if it does.
fn asked() -> Option<String> {
    std::env::var("KNOWCODER_GEMM").ok()
}

/// Which way the last product of this process really took, where there is a choice: a way that does not take
/// such operands, or is not there, is left for the tensor library's without a word.
fn way(route: &str) -> Option<&'static str> {
    if route == "burn" { Some("burn") } else { last_product_way() }
}

/// Sums of thousands of products, rounded to bf16 or made of rounded ones.
const PRODUCTS_APART: f64 = 0.01;

/// The first, the middle one and the last of so many.
fn places(count: usize) -> [usize; 3] {
    [0, count / 2, count - 1]
}

/// Values of the first, the middle and the last row and column.
fn sampled(matrix: &Tensor<2>) -> Vec<f64> {
    let [rows, columns] = matrix.dims();
    let at = |row: usize, column: usize| {
        host::values(matrix.clone().slice([row..row + 1, column..column + 1]))
    };
    let pairs =
        places(rows).into_iter().flat_map(|row| places(columns).map(|column| (row, column)));
    pairs.flat_map(|(row, column)| at(row, column)).collect()
}

/// What [`sampled`] of the product should be, summed up on the host.
fn products_of(a: &Tensor<2>, b: &Tensor<2>, transposed: Transposed) -> Vec<f64> {
    let line = |matrix: &Tensor<2>, by_rows: bool| {
        let dims = matrix.dims();
        let of = |place: usize| {
            let matrix = matrix.clone();
            host::values(match by_rows {
                true => matrix.slice([place..place + 1, 0..dims[1]]),
                false => matrix.slice([0..dims[0], place..place + 1]),
            })
        };
        places(dims[usize::from(!by_rows)]).map(of)
    };
    let rows = line(a, transposed != Transposed::First);
    let columns = line(b, transposed == Transposed::Second);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum();
    rows.iter().flat_map(|row| columns.iter().map(move |column| dot(row, column))).collect()
}

fn name(dtype: DType) -> &'static str {
    if dtype == DType::BF16 { "bf16" } else { "f32" }
}

/// `work` so often between two waits that launching it does not count, `rounds` times; and its last result.
fn repeated(
    device: &Device,
    rounds: usize,
    times: usize,
    work: &dyn Fn() -> Tensor<2>,
) -> Result<(Value, Tensor<2>), Failure> {
    let mut last = None;
    let mut found = clock::phases(device, rounds, &["seconds"], &mut |marks| {
        for _ in 0..times {
            // Its memory is free for the next one.
            drop(last.take());
            last = Some(work());
        }
        marks.mark()
    })?;
    for key in ["median", "p10", "p90", "best"] {
        let seconds = found["seconds"][key].as_f64().unwrap_or(f64::NAN);
        found["seconds"][key] = (seconds / times as f64).into();
    }
    found["times"] = times.into();
    Ok((found, last.ok_or("nothing was computed")?))
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
        for (layout, transposed) in [
            ("forward", Transposed::Second),
            ("input", Transposed::Neither),
            ("weight", Transposed::First),
        ] {
            for route in wanted() {
                let (a, b) = match transposed {
                    Transposed::Second => (&x, &w),
                    Transposed::Neither => (&dy, &w),
                    Transposed::First => (&dy, &x),
                };
                let work = || (route.product)(a.clone(), b.clone(), transposed);
                let (found, last) = repeated(&arguments.device, rounds, 5, &work)?;
                let way = way(route.name);
                let apart = host::distance(&sampled(&last), &products_of(a, b, transposed));
                let rate = 2.0 * (m * n * k) as f64 / clock::median(&found, "seconds") / 1e12;
                print(
                    json!({"part": "gemm", "case": case, "m": m, "n": n, "k": k, "layout": layout,
                             "route": route.name, "asked": asked(), "took": way,
                             "checked": host::checked(apart, PRODUCTS_APART), "tflops": rate, "time": found}),
                );
            }
        }
    }
    print(ways());
    Ok(())
}

/// Which ways this process has found for its products, and whether cuBLASLt was there.
pub fn ways() -> Value {
    json!({"part": "ways", "asked": asked(), "table": model::ops::product_routes()})
}
