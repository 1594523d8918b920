//! One part of what `scripts/gpu/measure.py` measures, on a device given by name.
//!
//!     gpu_bench PART [--device flex|wgpu|cuda] [--preset tiny|7b] [--rounds N] [--method lora|full]
//!               [--batch FILE] [--group K] [--micro-tokens N] [--recompute N] [--steps N] [--layers N]
//!
//! Prints one line of JSON for each thing that was measured. PART is
//! - `calibrate`: a large product and a pass over memory, to be held against another program's;
//! - `gemm`: the model's products, forwards and backwards, by each route that this build has;
//! - `attention`: forward and backward pass over documents, long rows and groups;
//! - `block`: forward and backward pass of one block, by each way that this build has;
//! - `steps`: whole steps of the batch in FILE, with what they hold and what was planned;
//! - `gradients`: gradients in the device's types beside those in f32;
//! - `curve`: the losses of a small training beside those of the CPU.
//!
//! Weights are random numbers made on the device: a 7B model in bf16 never passes through the host.
//! Times are the clock's between two waits for the device; `launches` are the driver's where it counts.

mod arguments;
mod attention;
mod block;
mod clock;
mod curve;
mod gradients;
mod network;
mod products;
mod seams;
mod steps;
mod work;

use arguments::Arguments;
use std::error::Error;

/// Why a part could not be measured.
type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let mut print = |line: serde_json::Value| println!("{line}");
    match arguments.part.as_str() {
        "calibrate" => products::calibrate(&arguments, &mut print),
        "gemm" => products::gemm(&arguments, &mut print),
        "attention" => attention::attention(&arguments, &mut print),
        "block" => block::block(&arguments, &mut print),
        "steps" => steps::steps(&arguments, &mut print),
        "gradients" => gradients::gradients(&arguments, &mut print),
        "curve" => curve::curve(&arguments, &mut print),
        other => Err(format!("`{other}` is not a part; see the top of gpu_bench/main.rs").into()),
    }
}
