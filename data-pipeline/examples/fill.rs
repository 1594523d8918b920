//! How full the batches are that prepared shards become, as JSON.
//!
//! ```text
//! cargo run --release -p data-pipeline --example fill -- DIR [SAMPLES [MICRO_TOKENS [STEPS]]]
//! ```

use data_pipeline::fill::Fill;
use data_pipeline::order::{Mixture, Order, Share};
use data_pipeline::shard::ShardSet;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(dir) = arguments.first() else {
        return Err("usage: fill DIR [SAMPLES [MICRO_TOKENS [STEPS]]]".into());
    };
    let number = |place: usize, default: usize| {
        arguments.get(place).map_or(Ok(default), |text| text.parse::<usize>())
    };
    let (samples, micro_tokens) = (number(1, 256)?, number(2, 8192)?);
    let shards = ShardSet::open(Path::new(dir))?;
    let seed = shards.manifest().origin.config.seed;
    let order = Order::new(seed, shards.rows(), &Mixture::default(), samples)?;
    let steps = number(3, order.steps(1.0))?;
    let fill = Fill::of(shards.lengths(), &order, Share::ALL, 0..steps, micro_tokens);
    let total = &shards.manifest().total;
    let document = serde_json::json!({
        "samples": samples,
        "micro_tokens": micro_tokens,
        "fill": fill,
        "real": fill.real(),
        "of_budget": fill.of_budget(),
        "of_places": fill.of_places(),
        "saved_by_groups": total.saved(),
    });
    println!("{document:#}");
    Ok(())
}
