//! How far attention is from the plain operations in f32, at lengths around the kernels' tiles.

use crate::arguments::Arguments;
use crate::attention::rows;
use crate::block::does_not_fit;
use crate::{Failure, failures, host, network, seams};
use burn::tensor::{DType, Distribution, Tensor};
use model::layout::{AttentionBody, Heads, Layout};
use model::ops::{self, GroupShape};
use serde_json::{Value, json};

/// Alone, and around the tiles of the kernels.
const LENGTHS: [usize; 5] = [1, 63, 64, 257, 4096];

/// Heads are alike, and everything passes through the host.
const MOST_HEADS: usize = 4;

/// Two rows of each length, and groups of suffixes of each length behind a prefix.
pub fn check(arguments: &Arguments, print: &mut dyn FnMut(Value)) -> Result<(), Failure> {
    model::runtime::full_precision();
    let (config, dtype) = (network::config(arguments)?, arguments.dtype());
    let few = config.key_value_heads().min(MOST_HEADS);
    let heads = Heads { queries: few, keys_values: few, head_dim: config.head_dim() };
    let Heads { queries: h, keys_values: n, head_dim: d } = heads;
    let allowed = if dtype == DType::BF16 { host::ROUNDED } else { 0.01 };
    // The longest takes a CPU minutes.
    let most = if arguments.is_tiny() { 257 } else { usize::MAX };
    for length in LENGTHS.into_iter().filter(|it| *it <= most) {
        for (prefix, k) in [(0, 1), (65, 3)] {
            let shape = GroupShape { prefix, k, suffix: length };
            let batch = rows(2, shape, config.vocab_size);
            let layout = Layout::new(&batch, &config, &arguments.device);
            let tokens = batch.ids.len();
            let random = |width: usize| {
                let normal = Distribution::Normal(0.0, 1.0);
                let drawn = Tensor::<3>::random(
                    [1, tokens, width],
                    normal,
                    (&arguments.device, DType::F32),
                );
                ops::cast(drawn, dtype)
            };
            let (projected, gradient) = (random((h + 2 * n) * d), random(h * d));
            let found = failures::fitting(|| {
                let run = |layout: Layout, in_type: DType| {
                    let projected = ops::cast(projected.clone(), in_type);
                    let (mixed, saved) = layout.attend_saving(&[projected], heads);
                    let gradients =
                        layout.attend_backward(saved, ops::cast(gradient.clone(), in_type));
                    let of_all =
                        gradients.into_iter().map(host::values).collect::<Vec<_>>().concat();
                    [host::values(mixed), of_all]
                };
                let expected = run(layout.clone().with_body(AttentionBody::Chunked), DType::F32);
                let mut found = Vec::new();
                for seams::Body { name, body } in seams::bodies() {
                    let layout = layout.clone();
                    let of_body =
                        run(body.map_or(layout.clone(), |it| layout.with_body(it)), dtype);
                    let [forward, backward] =
                        [0, 1].map(|which| host::distance(&of_body[which], &expected[which]));
                    let worst =
                        if backward > forward || backward.is_nan() { backward } else { forward };
                    found.push(
                        json!({"route": name, "forward_apart": forward, "backward_apart": backward,
                                      "checked": host::checked(worst, allowed)}),
                    );
                }
                Ok(found)
            })?;
            for mut line in found.unwrap_or_else(|| vec![does_not_fit()]) {
                line["part"] = "attention_check".into();
                line["case"] = format!("{prefix} + {k} · {length}").into();
                print(line);
            }
        }
    }
    Ok(())
}
