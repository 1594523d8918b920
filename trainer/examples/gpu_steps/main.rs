//! What `scripts/gpu/measure.py` measures of our side, part by part, on a device given by name.
//!
//!     gpu_steps PART [--device flex|wgpu|cuda] [--preset tiny|7b] [--rounds N] [--method lora|full]
//!               [--layers N] [--recompute N]
//!     gpu_steps steps --batch FILE [--group K] [--micro-tokens N] [--steps N] [--rule adamw|lion] [--bits 32|8] …
//!     gpu_steps attention --check yes …
//!     gpu_steps curve [--steps N] …
//!
//! Prints one line of JSON for each thing that was measured. PART is
//! - `ready`: nothing but what stands below of this build and the device;
//! - `calibrate`: a large product and a pass over memory, to be held against another program's;
//! - `gemm`: the model's products, forwards and backwards, by each route that this build has;
//! - `attention`: forward and backward pass over documents, long rows and groups, by each body; with `--check`
//!   how far each is from the plain operations in f32 at lengths around the kernels' tiles;
//! - `block`: forward and backward pass of one block, by each way that this build has;
//! - `backward`: loss and gradients of the whole network;
//! - `gradients`: gradients in the device's types beside those in f32;
//! - `steps`: whole steps over the batch in FILE, at most K samples behind one prefix, with what they hold
//!   beside what was planned;
//! - `buckets`: a block's gradients into the flat buffers that several ranks add up, and out of them;
//! - `curve`: the losses of a small training beside those of the CPU.
//!
//! The first line is of the build: version, revision (`KNOWCODER_REVISION` when it was compiled), devices.
//! Weights are random numbers made on the device: a 7B model in bf16 never passes through the host.
//! Times are the clock's between two waits for the device; `launches`, and `waits` of the host beside the clock's
//! own, are the driver's where it counts.
//!
//! What fails on a GPU fails where somebody reads it. So some values of each last result are read and held
//! against numbers that the host computes: `checked` says how far they are apart, and how far they may be.
//!
//! Exit codes: 0 measured · 1 cannot be measured · 3 does not fit into the device's memory · 70 something of
//! ours or of the tensor library's is broken.

mod arguments;
mod attention;
mod attention_check;
mod backward;
mod block;
mod buckets;
mod clock;
mod counters;
mod curve;
mod failures;
mod gradients;
mod host;
mod network;
mod products;
mod seams;
mod steps;
mod work;

use arguments::Arguments;
use serde_json::{Value, json};
use std::error::Error;
use std::process::ExitCode;

/// Why a part could not be measured.
type Failure = Box<dyn Error>;

fn main() -> ExitCode {
    failures::install();
    failures::told(failures::caught(|| {
        let arguments = Arguments::parse(std::env::args().skip(1))?;
        let mut print = |line: Value| println!("{line}");
        print(build(&arguments));
        let print = &mut print;
        match arguments.part.as_str() {
            "ready" => Ok(()),
            "calibrate" => products::calibrate(&arguments, print),
            "gemm" => products::gemm(&arguments, print),
            "attention" if arguments.text("check").is_some() => {
                attention_check::check(&arguments, print)
            }
            "attention" => attention::attention(&arguments, print),
            "block" => block::block(&arguments, print),
            "backward" => backward::whole(&arguments, print),
            "gradients" => gradients::gradients(&arguments, print),
            "steps" => steps::steps(&arguments, print),
            "buckets" => buckets::buckets(&arguments, print),
            "curve" => curve::curve(&arguments, print),
            other => {
                Err(format!("`{other}` is not a part; see the top of gpu_steps/main.rs").into())
            }
        }
    }))
}

/// What was built, and where it keeps its kernels.
fn build(arguments: &Arguments) -> Value {
    json!({
        "part": "build", "version": env!("CARGO_PKG_VERSION"), "revision": option_env!("KNOWCODER_REVISION"),
        "devices": trainer::device::BUILT, "fusion": cfg!(feature = "fusion"), "device": arguments.device_name,
        "kernels": trainer::device::kernels::kept(),
    })
}
