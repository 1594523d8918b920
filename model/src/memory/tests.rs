#![allow(clippy::unwrap_used)]

use super::*;
use crate::Decoder;
use crate::init::Init;
use crate::weight::list;
use burn::tensor::Device;

fn network(config: DecoderConfig, lora: Option<LoraConfig>) -> Network {
    let adapters = lora.map(|lora| Adapters::new(&config, &lora).unwrap());
    Network { config, dtype: DType::F32, adapters, bodies: Bodies::Fused, threads: 1 }
}

fn small() -> DecoderConfig {
    DecoderConfig {
        vocab_size: 50,
        hidden_size: 16,
        intermediate_size: 24,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        ..DecoderConfig::baichuan2_tiny()
    }
}

fn llama() -> DecoderConfig {
    DecoderConfig {
        model_type: "llama".into(),
        num_key_value_heads: Some(1),
        tie_word_embeddings: true,
        norm_head: None,
        position: None,
        ..small()
    }
}

#[test]
#[cfg(feature = "flex")]
fn weights_are_those_of_the_network() {
    let plain = LoraConfig { rank: 4, ..LoraConfig::default() };
    let adapters = [
        None,
        Some(plain.clone()),
        Some(LoraConfig { dora: true, layers: Some(vec![1]), ..plain.clone() }),
    ];
    for config in [small(), llama()] {
        for lora in &adapters {
            let mut decoder = Decoder::init(&config, Init::Normal, 1, &Device::flex());
            if let Some(lora) = lora {
                decoder.add_adapters(lora).unwrap();
            }
            let network = network(config.clone(), lora.clone());
            assert_eq!(network.weights(), list(&decoder, ""));
            let all: usize = list(&decoder, "").iter().map(WeightInfo::numel).sum();
            assert_eq!(network.weight_bytes(), 4 * all as u64);
            let trained = list(&decoder, "").into_iter().filter(|info| info.trainable);
            let in_blocks = trained.filter(|info| info.path.starts_with("model.layers."));
            let values: usize = in_blocks.map(|info| info.numel()).sum();
            let blocks = (0..2).map(|block| network.block_gradients(block));
            assert_eq!(blocks.sum::<u64>(), 4 * values as u64);
        }
    }
}

#[test]
fn a_block_of_a_7b_keeps_so_much() {
    // Twice the stream, its two norms, queries, keys, values and what they mix: 8 H. Gate, up and their
    // product: 3 F. A sum for each head, a scale for each norm.
    let config = DecoderConfig::baichuan2_7b();
    let network = network(config, None);
    let one = BatchShape { tokens: 1, ..BatchShape::default() };
    let kept: u64 = network.tape(0, &one).iter().map(|saved| saved.bytes).sum();
    let (h, f, heads) = (4096, 11008, 32);
    assert_eq!(kept, 4 * (8 * h + 3 * f + heads + 2));
}

#[test]
fn without_a_tape_it_keeps_half() {
    let config = DecoderConfig::baichuan2_7b();
    let one = BatchShape { tokens: 1, places: 1, scores: 1, ..BatchShape::default() };
    let lora = Some(LoraConfig { dropout: 0.1, ..LoraConfig::default() });
    for (lora, adapters) in [(None, 0), (lora, 5 * 2 * 32)] {
        let of = |bodies| {
            let dtype = DType::BF16;
            let network = Network { bodies, dtype, ..network(config.clone(), lora.clone()) };
            network.tape(0, &one).iter().map(|saved| saved.bytes).sum::<u64>()
        };
        // 93.3 kB: x, q, k, v, o and x', each 4,096 wide, gate and up, a logarithm for each of 32 heads.
        let (explicit, tape) = (of(Bodies::Explicit), of(Bodies::Plain));
        assert_eq!(explicit, 2 * (6 * 4096 + 2 * 11_008) + 4 * 32 + adapters);
        assert!(2 * explicit < tape, "{explicit} and {tape}");
    }
    // DoRA needs its tape, and nothing below the adapters is kept.
    let of = |dora, layers| {
        let lora = LoraConfig { dora, layers, ..LoraConfig::default() };
        let config = DecoderConfig { num_hidden_layers: 4, ..small() };
        Network { bodies: Bodies::Explicit, ..network(config, Some(lora)) }
    };
    let plain = Network { bodies: Bodies::Plain, ..of(true, None) };
    assert_eq!(of(true, None).tape(1, &shape()), plain.tape(1, &shape()));
    let activations = |layers| of(false, layers).peak(&shape(), 16, 0).activations;
    let rest = activations(Some(vec![3])) as i64;
    let [one, two] = [vec![2, 3], vec![1, 3]].map(|layers| activations(Some(layers)) as i64 - rest);
    assert!(one > 0 && two > one && two < 2 * one + 1, "{one} and {two}");
}

#[test]
fn the_last_block_keeps_what_the_loss_looks_at() {
    for bodies in [Bodies::Fused, Bodies::Plain, Bodies::Explicit] {
        let network = Network { bodies, ..network(small(), None) };
        let bytes = |block, targets| -> u64 {
            let shape = BatchShape { targets, ..shape() };
            network.tape(block, &shape).iter().map(|saved| saved.bytes).sum()
        };
        assert_eq!(bytes(0, 50), bytes(0, 500));
        assert_eq!(bytes(1, 500), bytes(0, 500));
        // More than one target of a position.
        assert_eq!(bytes(1, 900), bytes(1, 500));
        assert!(bytes(1, 50) < bytes(1, 400) && bytes(1, 400) < bytes(1, 500), "{bodies:?}");
    }
}

fn shape() -> BatchShape {
    BatchShape {
        tokens: 500,
        places: 640,
        targets: 90,
        pairs: 90_000,
        scores: 200_000,
        longest: 200,
    }
}

#[test]
fn blocks_that_are_computed_again_hold_less_and_the_order_is_kept() {
    let lora = LoraConfig { rank: 4, dropout: 0.1, ..LoraConfig::default() };
    for bodies in [Bodies::Fused, Bodies::Plain, Bodies::Explicit] {
        for dtype in [DType::F32, DType::BF16] {
            for lora in [None, Some(lora.clone())] {
                let config = DecoderConfig { num_hidden_layers: 6, ..small() };
                let network = Network { bodies, dtype, ..network(config, lora) };
                // Attention in f32 scores a GPU's queries by blocks, whatever is computed again.
                let few = BatchShape { scores: 500, ..shape() };
                let of = |recomputed| network.peak(&few, 16, recomputed).total();
                let totals: Vec<u64> = (0..=6).map(of).collect();
                assert!(totals[..6].is_sorted_by(|a, b| a > b), "{totals:?}");
                assert!(totals[5] < totals[0] / 2, "{totals:?}");
                assert_eq!(of(6), of(60));
            }
        }
    }
}

#[test]
fn more_of_anything_holds_no_less() {
    let network = network(small(), None);
    let base = network.peak(&shape(), 16, 1).total();
    for more in [
        BatchShape { tokens: 501, ..shape() },
        BatchShape { places: 641, ..shape() },
        BatchShape { targets: 91, ..shape() },
        BatchShape { longest: 201, ..shape() },
    ] {
        assert!(network.peak(&more, 16, 1).total() >= base, "{more:?}");
    }
    let other = BatchShape { tokens: 3, targets: 100, ..BatchShape::default() };
    assert_eq!(shape().cover(other), BatchShape { targets: 100, ..shape() });
}

#[test]
fn what_a_dtype_or_a_body_costs() {
    let of = |bodies, dtype| {
        let network = Network { bodies, dtype, ..network(small(), None) };
        let tape = network.tape(0, &shape());
        let kept: u64 = tape.iter().map(|saved| saved.bytes).sum();
        kept
    };
    assert!(of(Bodies::Fused, DType::F32) < of(Bodies::Plain, DType::F32));
    assert!(of(Bodies::Explicit, DType::F32) < of(Bodies::Fused, DType::F32));
    assert!(of(Bodies::Plain, DType::BF16) < of(Bodies::Plain, DType::F32));
    assert!(of(Bodies::Explicit, DType::BF16) < of(Bodies::Explicit, DType::F32));
    let half = Network { dtype: DType::BF16, bodies: Bodies::Plain, ..network(small(), None) };
    let whole = network(small(), None);
    assert_eq!(2 * half.weight_bytes(), whole.weight_bytes());
    assert_eq!(2 * half.gradient_bytes(), whole.gradient_bytes());
    assert!(whole.part_bytes() < whole.gradient_bytes());
}

#[test]
fn attention_by_blocks_of_queries_holds_their_scores() {
    let work = |dtype, scores| {
        let network = Network { dtype, bodies: Bodies::Explicit, ..network(small(), None) };
        network.explicit_work(0, &BatchShape { scores, ..shape() })
    };
    // In bf16 a kernel holds none. Beside 640 places no more than 256 queries of each are scored at a time.
    assert_eq!(work(DType::BF16, 1 << 20), work(DType::BF16, 0));
    let heads_and_copies = 2 * 5 * 4;
    assert_eq!(work(DType::F32, 1000) - work(DType::F32, 500), 500 * heads_and_copies);
    assert_eq!(work(DType::F32, 1 << 20), work(DType::F32, 640 * 256));
}

#[test]
fn what_is_added_up_is_f32() {
    let of = |config, dtype, lora| Network { dtype, ..network(config, lora) };
    let half = of(small(), DType::BF16, None);
    let whole = of(small(), DType::F32, None);
    assert_eq!(half.sum_bytes(false), half.gradient_bytes());
    assert_eq!(half.sum_bytes(true), whole.gradient_bytes());
    assert_eq!(whole.sum_bytes(true), whole.sum_bytes(false));
    // The head and the embedding add up in the first micro-batch.
    let tied = of(DecoderConfig { vocab_size: 500, ..llama() }, DType::BF16, None);
    assert_eq!(tied.sum_bytes(false), tied.gradient_bytes() + 2 * 500 * 16);
    assert_eq!(tied.part_bytes(), 4 * 500 * 16);
    let lora = Some(LoraConfig { rank: 4, ..LoraConfig::default() });
    let adapters = of(small(), DType::BF16, lora);
    assert_eq!(adapters.sum_bytes(true), adapters.gradient_bytes());
}
