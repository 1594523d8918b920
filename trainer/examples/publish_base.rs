//! Turns a checkpoint into a base that is shipped: adapters merged, weights in bf16, vocabulary beside.
//!
//! `cargo run --release -p trainer --example publish_base -- runs/base-tiny/checkpoints/frames-005000 configs/quickstart/base`

use model::files;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [checkpoint, out] = arguments.as_slice() else {
        return Err("usage: publish_base CHECKPOINT OUT".into());
    };
    let (decoder, tokenizer, _) = trainer::extract::open(checkpoint, "flex", &mut |_, _| {})?;
    files::save(&decoder, out, true)?;
    tokenizer.save(out)?;
    println!("{} parameters in `{}`", decoder.config.parameters(), out.display());
    Ok(())
}
