//! Whole steps for `scripts/gpu/measure.py`, on a device given by name.
//!
//!     gpu_steps steps --batch FILE [--device flex|wgpu|cuda] [--preset tiny|7b] [--method lora|full]
//!               [--group K] [--micro-tokens N] [--recompute N] [--steps N] [--layers N]
//!     gpu_steps curve [--device flex|wgpu|cuda] [--steps N]
//!
//! Prints lines of JSON.
//! - `steps`: steps over the batch in FILE, at most K samples behind one prefix, with what they hold beside
//!   what was planned;
//! - `curve`: the losses of a small training beside those of the CPU.
//!
//! What concerns the model alone is `model/examples/gpu_parts`.

#[path = "../../../model/examples/gpu_parts/arguments.rs"]
mod arguments;
#[path = "../../../model/examples/gpu_parts/clock.rs"]
mod clock;
#[path = "../../../model/examples/gpu_parts/counters.rs"]
mod counters;
mod curve;
#[path = "../../../model/examples/gpu_parts/network.rs"]
mod network;
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
        "steps" => steps::steps(&arguments, &mut print),
        "curve" => curve::curve(&arguments, &mut print),
        other => Err(format!("`{other}` is not a part; see the top of gpu_steps/main.rs").into()),
    }
}
