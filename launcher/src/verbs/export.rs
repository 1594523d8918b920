//! `knowcoder export`: files that transformers, PEFT and vLLM load.

use super::Answer;
use crate::cli;
use crate::display::Display;
use crate::error::Error;
use serde_json::json;
use std::time::Instant;
use trainer::export::{Export, Stage};

/// Writes a checkpoint in another format, once it has proven that it computes the same.
pub fn export(args: &cli::Export) -> Result<Answer, Error> {
    let export = Export {
        source: args.checkpoint.clone(),
        format: args.format.into(),
        base: args.base.clone(),
        out: args.out.clone(),
        precision: args.dtype.into(),
        fold_norm_head: args.fold_norm_head,
        shard_bytes: args.max_shard_gb * 1_000_000_000,
        prompts: args.prompts as usize,
        device: args.device.clone(),
    };
    let mut display = Display::new();
    let proof = export.run(&mut |stage, done, total| {
        let (what, unit) = match stage {
            Stage::Reading => ("reading (MB)", 1_000_000),
            Stage::Asking => ("asking the source", 1),
            Stage::Writing => ("writing (MB)", 1_000_000),
            Stage::Proving => ("asking the export", 1),
        };
        let rounded = |value: u64| value.div_ceil(unit) as usize;
        display.advance(what, rounded(done), rounded(total), "", Instant::now());
    })?;
    display.finish();
    let text = format!("{}\nwritten to {}\n", proof.sentence(), args.out.display());
    let json = json!({ "out": args.out, "proof": proof });
    Ok(Answer::new(text, json))
}
