//! Writes a random tiny Baichuan2 and what it computes, for
//! `scripts/reference/llama_golden.py --check DIR`; the files are described there.

use burn::tensor::Device;
use model::backward::{Gradients, Options, backward};
use model::files::{HostTensors, save, write_atomically, write_tensors};
use model::generate::{GenerateConfig, Request, answers};
use model::init::Init;
use model::layout::{GroupBatch, Piece, Target};
use model::ops::GroupShape;
use model::{Decoder, DecoderConfig};
use std::path::PathBuf;

const ROWS: usize = 3;
const LENGTH: usize = 20;
const SUPERVISED_FROM: [usize; ROWS] = [5, 1, 12];
const NEW_TOKENS: usize = 12;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("usage: dump_tiny DIR")?);
    std::fs::create_dir_all(&directory)?;
    // Another model each day: the check is live, not a memory.
    let seed =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs() / 86_400;
    let config = DecoderConfig {
        vocab_size: 200,
        hidden_size: 48,
        intermediate_size: 128,
        num_hidden_layers: 3,
        num_attention_heads: 4,
        initializer_range: 0.1,
        ..DecoderConfig::baichuan2_tiny()
    };
    let decoder = Decoder::init(&config, Init::Normal, seed, &Device::flex());
    save(&decoder, &directory, false)?;

    let id = |i: usize| (3 + (i * 37 + seed as usize * 11) % 197) as u32;
    let ids: Vec<Vec<u32>> =
        (0..ROWS).map(|row| (0..LENGTH).map(|t| id(row * LENGTH + t)).collect()).collect();
    let targets = ids.iter().enumerate().flat_map(|(row, ids)| {
        (SUPERVISED_FROM[row]..LENGTH).map(move |t| Target {
            position: row * LENGTH + t - 1,
            label: ids[t],
            weight: 1.0,
        })
    });
    let piece = Piece {
        groups: ROWS,
        shape: GroupShape { prefix: 0, k: 1, suffix: LENGTH },
        prefix_lengths: vec![0; ROWS],
        suffix_lengths: vec![LENGTH; ROWS],
    };
    let batch = GroupBatch {
        pieces: vec![piece],
        targets: targets.collect(),
        ids: ids.iter().flatten().map(|id| *id as i32).collect(),
    };
    let mut outputs = HostTensors::new();
    let logits = decoder.logits(&batch).into_data().iter::<f32>().collect();
    outputs.insert("logits".into(), (vec![ROWS, LENGTH, config.vocab_size], logits));
    let mut gradients = Gradients::new();
    let loss = backward(&decoder, &batch, Options::default(), &mut gradients).sum;
    let shapes = model::weight::list(&decoder, "");
    for shape in shapes {
        let values = gradients[&shape.path].to_data().iter::<f32>().collect();
        outputs.insert(format!("gradient.{}", shape.path), (shape.dims, values));
    }
    write_tensors(&directory.join("outputs.safetensors"), &outputs, false)?;

    let prompts: Vec<Vec<u32>> =
        vec![ids[0][..7].to_vec(), ids[1][..11].to_vec(), ids[2][..4].to_vec()];
    let requests: Vec<Request> =
        prompts.iter().map(|ids| Request::new(ids[..2].to_vec(), ids[2..].to_vec())).collect();
    let settings =
        GenerateConfig { max_new_tokens: NEW_TOKENS, rows: 2, ..GenerateConfig::default() };
    let greedy = answers(&decoder, &requests, &settings)?;
    let text = serde_json::json!({
        "ids": ids, "supervised_from": SUPERVISED_FROM, "loss": loss,
        "prompts": prompts, "greedy": greedy, "max_new_tokens": NEW_TOKENS,
    });
    write_atomically(&directory.join("outputs.json"), text.to_string().as_bytes())?;
    Ok(())
}
