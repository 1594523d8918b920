#![allow(clippy::unwrap_used)]

use super::super::splits::full;
use super::*;
use burn::tensor::Device;
use data_pipeline::batch::Suffix;
use model::init::Init;
use model::{DecoderConfig, LoraConfig};

/// f32, two blocks: the order of summation only.
const ALLOWED: f64 = 1e-5;

fn decoder(adapted: bool) -> Decoder {
    let config = DecoderConfig {
        vocab_size: 60,
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        initializer_range: 0.2,
        ..DecoderConfig::baichuan2_tiny()
    };
    let mut decoder = Decoder::init(&config, Init::Normal, 7, &Device::flex());
    if adapted {
        let config = LoraConfig { rank: 4, alpha: 8.0, ..LoraConfig::default() };
        decoder.add_adapters(&config).unwrap();
        super::super::stir(&mut decoder);
    }
    decoder
}

/// Groups of one to four samples with one to twelve supervised tokens each.
fn groups() -> Vec<Group> {
    let id = |i: usize| (3 + (i * 17 + 5) % 57) as u32;
    let mut slot = 0;
    let mut group = |number: usize| {
        let suffix = |_| {
            slot += 1;
            let length = 4 + slot * 7 % 12;
            let ids = (0..length).map(|i| id(slot * 31 + i)).collect();
            Suffix { row: slot - 1, slot: slot - 1, ids, supervised_from: 3 }
        };
        let suffixes = (0..1 + number % 4).map(suffix).collect();
        Group { prefix: (0..5 + 3 * number).map(|i| id(number * 50 + i)).collect(), suffixes }
    };
    (0..6).map(&mut group).collect()
}

fn deal(share: Share) -> Result<Vec<Group>, Error> {
    Ok(groups().into_iter().skip(share.index).step_by(share.count).collect())
}

fn own() -> Split {
    Split { ranks: 2, exact_shards: 4, grouped: true, micro_tokens: 90, ..Split::PLAINEST }
}

fn compared(
    adapted: bool,
    average: LossAverage,
    loss: &LossConfig,
    compute: &Compute,
) -> Vec<Compared> {
    let decoder = decoder(adapted);
    let case = Case {
        decoder: &decoder,
        batch: &BatchConfig::default(),
        average,
        loss,
        optimizer: &OptimizerConfig::default(),
        deal: &deal,
        samples: groups().iter().map(|group| group.suffixes.len()).sum(),
        supervised: groups().iter().map(|group| group.supervised() as u64).sum(),
    };
    case.compare(&full(own(), 120), ALLOWED, compute, &mut |_| {}).unwrap()
}

#[test]
fn every_split_gives_the_same_gradients() {
    let smoothed = LossConfig { label_smoothing: 0.1, z_loss: 1e-2, ..LossConfig::default() };
    for (adapted, average, loss) in
        [(false, LossAverage::Token, LossConfig::default()), (true, LossAverage::Sample, smoothed)]
    {
        let compared = compared(adapted, average, &loss, &really);
        assert!(compared.len() > 10);
        for it in &compared {
            assert!(it.passed, "{}: {it:?}", it.split);
        }
        // They are not the same numbers: something was computed.
        assert!(compared.iter().any(|it| it.error > 0.0) && compared[0].loss > 0.0);
        assert!(compared[0].tokens > compared[2].tokens, "{compared:?}");
    }
}

/// The first split that fails, with its weight.
fn caught(compute: &Compute) -> (Split, String, f64) {
    let found = compared(false, LossAverage::Token, &LossConfig::default(), compute);
    assert!(found[0].passed);
    let failed = found.into_iter().find(|it| !it.passed).unwrap();
    (failed.split, failed.weight, failed.weight_error)
}

/// The bug of many training loops: each micro-batch divides by its own tokens, and what comes of them is
/// averaged.
fn means_of_micro_batches(work: Work<'_>, collective: &mut dyn Collective) -> Result<Held, Error> {
    let Work { decoder, input, objective, optimizer, split } = work;
    let groups: Vec<Group> = input.parts.into_iter().flat_map(|part| part.groups).collect();
    let count = groups.len().max(1) as f32;
    let mut sum: Option<Held> = None;
    for mut group in groups {
        for (slot, suffix) in group.suffixes.iter_mut().enumerate() {
            suffix.slot = slot;
        }
        let (samples, supervised) = (group.suffixes.len(), group.supervised() as u64);
        let parts = vec![StepPart { groups: vec![group], dropout_seed: None }];
        let input = StepInput { parts, samples, supervised, noise_seed: 0 };
        let (found, mut held) =
            really(Work { decoder, input, objective, optimizer, split }, collective)?;
        for (_, values) in &mut held {
            values.iter_mut().for_each(|value| *value /= count);
        }
        sum = Some(match sum {
            None => (found, held),
            Some((_, mut before)) => {
                for ((_, sum), (_, values)) in before.iter_mut().zip(held) {
                    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                }
                (found, before)
            }
        });
    }
    let (mut found, held) = sum.unwrap();
    let all = held.iter().flat_map(|(_, values)| values).copied();
    found.gradient_norm = norm(all);
    // Its loss would be wrong, too; gradients alone must show it.
    found.loss = 1.0;
    Ok((found, held))
}

#[test]
fn a_mean_of_means_over_micro_batches_is_caught() {
    let decoder = decoder(false);
    let case = Case {
        decoder: &decoder,
        batch: &BatchConfig::default(),
        average: LossAverage::Token,
        loss: &LossConfig::default(),
        optimizer: &OptimizerConfig::default(),
        deal: &deal,
        samples: groups().iter().map(|group| group.suffixes.len()).sum(),
        supervised: groups().iter().map(|group| group.supervised() as u64).sum(),
    };
    let grouped = Split { grouped: true, micro_tokens: 200, ..Split::PLAINEST };
    let splits = [Split::PLAINEST, Split { recompute: true, ..Split::PLAINEST }, grouped];
    let found = case.compare(&splits, ALLOWED, &means_of_micro_batches, &mut |_| {}).unwrap();
    // Wrong in the same way is the same; in groups it is another objective.
    assert_eq!(found.iter().map(|it| it.passed).collect::<Vec<_>>(), [true, true, false]);
    assert!(found[2].weight_error > 1e-2 && found[2].weight.ends_with("weight"), "{found:?}");
}

#[test]
fn a_mean_of_means_over_ranks_is_caught() {
    let own_tokens = |mut work: Work<'_>, collective: &mut dyn Collective| -> Result<Held, Error> {
        let groups = work.input.parts.iter().flat_map(|part| &part.groups);
        let own: usize = groups.map(Group::supervised).sum();
        work.input.supervised = (own * collective.world()) as u64;
        really(work, collective)
    };
    let (split, weight, error) = caught(&own_tokens);
    assert!(split.ranks > 1 && error > 1e-2, "{split}: {weight} {error}");
    assert!(weight.ends_with("weight"), "{weight}");
}

#[test]
fn numbers_that_are_none_and_ranks_that_disagree_fail() {
    let broken = |work: Work<'_>, collective: &mut dyn Collective| -> Result<Held, Error> {
        let (split, rank) = (*work.split, collective.rank());
        let (found, mut held) = really(work, collective)?;
        if let Some((_, values)) = held.first_mut() {
            if split.recompute {
                values[0] = f32::NAN;
            } else if rank == 1 && split.stage == 0 {
                values[0] = f32::from_bits(values[0].to_bits() ^ 1);
            }
        }
        Ok((found, held))
    };
    let found = compared(false, LossAverage::Token, &LossConfig::default(), &broken);
    for it in found {
        let torn = it.split.ranks > 1 && it.split.stage == 0;
        assert_eq!(it.passed, !(it.split.recompute || torn), "{}: {it:?}", it.split);
    }
}
