//! Rows of prepared shards as JSON Lines: what `scripts/reference/shards.py` compares.
//!
//! `shard_rows SHARDS TOKENIZER EVERY` prints one object for each row, in the order of training's
//! row numbers, with groups numbered through all files; every EVERYth has its text as well.

use data_pipeline::shard::ShardSet;
use data_pipeline::tokenizer::Tokenizer;
use serde_json::json;
use std::error::Error;
use std::io::{BufWriter, Write, stdout};
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [shards, tokenizer, every] = arguments.as_slice() else {
        return Err("usage: shard_rows SHARDS TOKENIZER EVERY".into());
    };
    let every: usize = every.parse()?;
    let shards = ShardSet::open(Path::new(shards))?;
    let tokenizer = Tokenizer::load(Path::new(tokenizer))?;
    let mut output = BufWriter::new(stdout().lock());
    for row in 0..shards.len() {
        let sample = shards.sample(row)?;
        let text = row
            .is_multiple_of(every)
            .then(|| [&sample.prefix_ids, &sample.suffix_ids].map(|ids| tokenizer.decode(ids)));
        let line = json!({
            "sample_id": sample.sample_id,
            "dataset": sample.dataset,
            "language": sample.language,
            "task": sample.task,
            "prefix_ids": sample.prefix_ids,
            "suffix_ids": sample.suffix_ids,
            "prefix_length": sample.prefix_ids.len(),
            "suffix_length": sample.suffix_ids.len(),
            "supervised_from": sample.supervised_from,
            "group": sample.group,
            "supervised": sample.supervised(),
            "text": text,
        });
        writeln!(output, "{line}")?;
    }
    Ok(output.flush()?)
}
