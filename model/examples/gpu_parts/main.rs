//! One part of what `scripts/gpu/measure.py` measures, on a device given by name.
//!
//!     gpu_parts PART [--device flex|wgpu|cuda] [--preset tiny|7b] [--rounds N] [--method lora|full]
//!               [--layers N] [--recompute N]
//!
//! Prints one line of JSON for each thing that was measured. PART is
//! - `calibrate`: a large product and a pass over memory, to be held against another program's;
//! - `gemm`: the model's products, forwards and backwards, by each route that this build has;
//! - `attention`: forward and backward pass over documents, long rows and groups;
//! - `block`: forward and backward pass of one block, by each way that this build has;
//! - `backward`: loss and gradients of the whole network;
//! - `gradients`: gradients in the device's types beside those in f32.
//!
//! Weights are random numbers made on the device: a 7B model in bf16 never passes through the host.
//! Times are the clock's between two waits for the device; `launches` are the driver's where it counts.
//! Whole steps are the trainer's: `trainer/examples/gpu_steps`, which shares files with this program.

mod arguments;
mod attention;
mod backward;
mod block;
mod clock;
mod counters;
mod gradients;
mod network;
mod products;
mod seams;

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
        "backward" => backward::whole(&arguments, &mut print),
        "gradients" => gradients::gradients(&arguments, &mut print),
        other => Err(format!("`{other}` is not a part; see the top of gpu_parts/main.rs").into()),
    }
}
