//! The model without recipe or launcher: load a directory, answer, train three steps, answer again.
//!
//! `cargo run --release -p trainer --example first_steps -- configs/quickstart/base "Bob works in Paris."`

use burn::tensor::{DType, Device};
use data_pipeline::tokenizer::Tokenizer;
use model::backward::{Gradients, Options, backward};
use model::generate::{GenerateConfig, Request, answers};
use model::layout::{GroupBatch, Piece, Target};
use model::ops::GroupShape;
use model::{Decoder, LoraConfig, files};
use std::error::Error;
use std::path::PathBuf;
use trainer::optimizer::{Optimizer, OptimizerConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: first_steps MODEL_DIR TEXT";
    let directory = PathBuf::from(arguments.next().ok_or(usage)?);
    let text = arguments.next().ok_or(usage)?;

    // Any directory as on the hub; its weights may be stored in bf16, here they become f32.
    let tokenizer = Tokenizer::load(&directory)?;
    let mut decoder = files::load(&directory, &Device::flex(), DType::F32)?;
    println!("{} parameters", decoder.config.parameters());

    let ids = tokenizer.encode(&text);
    println!("before: {:?}", continuation(&decoder, &tokenizer, &ids)?);

    // The base stays as it is; adapters of rank 8 beside every linear layer learn the text.
    decoder.add_adapters(&LoraConfig { rank: 8, alpha: 16.0, ..LoraConfig::default() })?;
    let batch = whole(&ids);
    let config = OptimizerConfig { learning_rate: 1e-2, ..OptimizerConfig::default() };
    let mut optimizer = Optimizer::default();
    for step in 1..=3 {
        let mut gradients = Gradients::new();
        let loss = backward(&decoder, &batch, Options::default(), &mut gradients).sum;
        println!("step {step}: loss {:.4} over {} tokens", loss, batch.targets.len());
        optimizer.step(&mut decoder, gradients, &config, 1.0);
    }
    println!("after: {:?}", continuation(&decoder, &tokenizer, &ids)?);
    Ok(())
}

/// The twelve likeliest tokens behind the first half of `ids`.
fn continuation(
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    ids: &[u32],
) -> Result<String, Box<dyn Error>> {
    let half = ids.len().div_ceil(2);
    let request = Request::new(Vec::new(), ids[..half].to_vec());
    let config = GenerateConfig { max_new_tokens: 12, ..GenerateConfig::default() };
    let answers = answers(decoder, &[request], &config)?;
    Ok(answers.iter().map(|ids| tokenizer.decode(ids)).collect())
}

/// One sequence without prefix, each token but the first to be predicted; the loss is their mean.
fn whole(ids: &[u32]) -> GroupBatch {
    let n = ids.len();
    let piece = Piece {
        groups: 1,
        shape: GroupShape { prefix: 0, k: 1, suffix: n },
        prefix_lengths: vec![0],
        suffix_lengths: vec![n],
    };
    let target = |t: usize| Target { position: t - 1, label: ids[t], weight: 1.0 / (n - 1) as f32 };
    GroupBatch {
        pieces: vec![piece],
        ids: ids.iter().map(|id| *id as i32).collect(),
        targets: (1..n).map(target).collect(),
    }
}
