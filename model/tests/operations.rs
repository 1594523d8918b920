//! Each operation alone, forward and gradient, beside plain f64 arithmetic on the host.
//!
//! The host's gradient is the central difference of its own forward pass, so no derivative is
//! written twice. Dimensions are small: a software rasteriser has to compile and run every kernel.
#![allow(clippy::unwrap_used)]

mod reference;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use model::DecoderConfig;
use model::ops::{
    self, CacheBias, GroupBias, GroupShape, LossTerms, adapted_linear, alibi_slopes,
    cached_attention, cross_entropy, dora_linear, group_attention, rope_tables,
};
use reference::{Differences, device};

/// f32 against f64: rounding of a few sums.
const FORWARD: f64 = 1e-5;
/// The same, and what a device's own exponential rounds.
const GRADIENT: f64 = 1e-4;

/// Numbers in [-1, 1] that f32, bf16 and f16 hold exactly.
fn numbers(seed: usize, count: usize) -> Vec<f32> {
    let mut state = seed as u64 * 2 + 1;
    (0..count)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) % 129) as f32 / 64.0 - 1.0
        })
        .collect()
}

type Host<'a> = &'a dyn Fn(&[Vec<f64>]) -> Vec<f64>;
type Ours<'a> = &'a dyn Fn(&[Tensor<1>]) -> Tensor<1>;

/// `ours` of the flattened inputs, on the device, against `host`: in f32, bf16 and f16; and in f32
/// the gradient of a weighted sum.
fn check(name: &str, inputs: &[Vec<f32>], host: Host, ours: Ours) {
    let device = device();
    let mut found = Differences::of(name);
    let exact: Vec<Vec<f64>> = inputs.iter().map(|values| exact(values)).collect();
    let expected = host(&exact);
    let tracked: Vec<Tensor<1>> =
        inputs.iter().map(|values| flat(values, &device).autodiff().require_grad()).collect();
    let output = ours(&tracked);
    found.hold("forward", &read(output.clone().inner()), &rounded(&expected), FORWARD);

    // Forward only: the inputs are exact in each, one operation rounds a few times.
    for (dtype, unit) in [(DType::BF16, 1.0 / 256.0), (DType::F16, 1.0 / 2048.0)] {
        if device.supports_dtype(dtype) {
            let low: Vec<Tensor<1>> =
                inputs.iter().map(|values| flat(values, &device).cast(dtype)).collect();
            let output = ours(&low);
            if output.dtype() != dtype {
                found.say(format!("in {dtype:?} the result is {:?}", output.dtype()));
            }
            found.hold(&format!("in {dtype:?}"), &read(output), &rounded(&expected), 4.0 * unit);
        }
    }

    let weights = numbers(77, expected.len());
    let mut tape = (output * flat(&weights, &device).autodiff()).sum().backward();
    let sum = |inputs: &[Vec<f64>]| -> f64 {
        host(inputs).iter().zip(&weights).map(|(value, weight)| value * f64::from(*weight)).sum()
    };
    for (i, input) in tracked.iter().enumerate() {
        let Some(gradient) = input.grad_remove(&mut tape) else {
            found.say(format!("gradient of input {i}: there is none"));
            continue;
        };
        let slopes = central_differences(&sum, &exact, i);
        found.hold(&format!("gradient of input {i}"), &read(gradient), &slopes, GRADIENT);
    }
    found.end();
}

/// The derivative of `f` for every entry of input `i`.
fn central_differences(f: &dyn Fn(&[Vec<f64>]) -> f64, inputs: &[Vec<f64>], i: usize) -> Vec<f32> {
    // Small against the curvature, large against f64's rounding: right to about 1e-9.
    const STEP: f64 = 1e-5;
    (0..inputs[i].len())
        .map(|at| {
            let moved = |by: f64| {
                let mut inputs = inputs.to_vec();
                inputs[i][at] += by;
                f(&inputs)
            };
            ((moved(STEP) - moved(-STEP)) / (2.0 * STEP)) as f32
        })
        .collect()
}

fn flat(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

fn int(values: &[i32], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

fn four(values: &[f32], shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.cast(DType::F32).into_data().iter::<f32>().collect()
}

fn exact(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

fn rounded(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

// ------------------------------------------------------------------------------------ on the host

/// `x Wᵀ` for rows of `x`.
fn product(x: &[f64], w: &[f64], width: usize) -> Vec<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    x.chunks(width).flat_map(|row| w.chunks(width).map(move |other| dot(row, other))).collect()
}

fn softmax(scores: &[f64]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|value| value / sum).collect()
}

/// One query's mix of the values whose score has a bias above -inf.
fn attend(query: &[f64], keys: &[(&[f64], &[f64], f64)]) -> Vec<f64> {
    let scale = (query.len() as f64).sqrt();
    let scores: Vec<f64> = keys
        .iter()
        .map(|(key, _, bias)| {
            query.iter().zip(*key).map(|(q, k)| q * k).sum::<f64>() / scale + bias
        })
        .collect();
    let weights = softmax(&scores);
    (0..query.len())
        .map(|i| keys.iter().zip(&weights).map(|((_, value, _), weight)| weight * value[i]).sum())
        .collect()
}

// -------------------------------------------------------------------------------------- the tests

#[test]
fn linear() {
    check(
        "linear [1, 3, 4] by [5, 4]",
        &[numbers(1, 12), numbers(2, 20)],
        &|inputs| product(&inputs[0], &inputs[1], 4),
        &|inputs| {
            let x = inputs[0].clone().reshape([1, 3, 4]);
            ops::linear(x, inputs[1].clone().reshape([5, 4])).reshape([15])
        },
    );
}

#[test]
fn linear_with_an_adapter() {
    check(
        "adapted_linear, rank 2, scale 1.5",
        &[numbers(3, 12), numbers(4, 20), numbers(5, 8), numbers(6, 10)],
        &|inputs| {
            let plain = product(&inputs[0], &inputs[1], 4);
            let low = product(&product(&inputs[0], &inputs[2], 4), &inputs[3], 2);
            plain.iter().zip(low).map(|(a, b)| a + 1.5 * b).collect()
        },
        &|inputs| {
            let x = inputs[0].clone().reshape([1, 3, 4]);
            let (w, a) = (inputs[1].clone().reshape([5, 4]), inputs[2].clone().reshape([2, 4]));
            let b = inputs[3].clone().reshape([5, 2]);
            adapted_linear(x.clone(), x, w, a, b, 1.5).reshape([15])
        },
    );
}

/// `‖W + scale · B A‖` of each row.
fn adapted_norms(w: &[f64], a: &[f64], b: &[f64], scale: f64) -> Vec<f64> {
    let (rank, width) = (2, 4);
    let entry = |row: usize, column: usize| {
        let delta: f64 = (0..rank).map(|r| b[row * rank + r] * a[r * width + column]).sum();
        w[row * width + column] + scale * delta
    };
    let square = |row: usize| (0..width).map(|column| entry(row, column).powi(2)).sum::<f64>();
    (0..w.len() / width).map(|row| square(row).sqrt()).collect()
}

/// The norm is a constant for the gradient: the host keeps that of the undisturbed inputs.
#[test]
fn linear_with_an_adapter_and_magnitudes() {
    let inputs =
        [numbers(30, 12), numbers(31, 20), numbers(32, 8), numbers(33, 10), numbers(34, 5)];
    let [_, w, a, b, _] = inputs.clone().map(|input| exact(&input));
    let norms = adapted_norms(&w, &a, &b, 1.5);
    let host = |inputs: &[Vec<f64>]| -> Vec<f64> {
        let plain = product(&inputs[0], &inputs[1], 4);
        let low = product(&product(&inputs[0], &inputs[2], 4), &inputs[3], 2);
        let gain = |i: usize| inputs[4][i % 5] / norms[i % 5];
        plain.iter().zip(low).enumerate().map(|(i, (a, b))| gain(i) * (a + 1.5 * b)).collect()
    };
    for dropped in [false, true] {
        check(
            &format!("dora_linear, rank 2, scale 1.5, an input of its own {dropped}"),
            &inputs,
            &host,
            &|inputs| {
                let x = inputs[0].clone().reshape([1, 3, 4]);
                let (w, a) = (inputs[1].clone().reshape([5, 4]), inputs[2].clone().reshape([2, 4]));
                let factors = (a, inputs[3].clone().reshape([5, 2]));
                let own = dropped.then(|| x.clone());
                dora_linear(x, own, w, factors, inputs[4].clone(), 1.5).reshape([15])
            },
        );
    }
}

#[test]
fn swiglu() {
    check(
        "swiglu",
        &[numbers(7, 12), numbers(8, 12)],
        &|inputs| {
            let gate = inputs[0].iter().map(|x| x / (1.0 + (-x).exp()));
            gate.zip(&inputs[1]).map(|(gate, up)| gate * up).collect()
        },
        &|inputs| {
            let [gate, up] = [0, 1].map(|i| inputs[i].clone().reshape([1, 3, 4]));
            ops::swiglu(gate, up).reshape([12])
        },
    );
}

#[test]
fn embedding() {
    let rows = [4usize, 0, 4, 2];
    check(
        "embedding with an id that comes twice",
        &[numbers(9, 15)],
        &|inputs| rows.iter().flat_map(|row| inputs[0][row * 3..row * 3 + 3].to_vec()).collect(),
        &|inputs| {
            let ids = int(&rows.map(|row| row as i32), &device()).reshape([1, 4]);
            ops::embedding(inputs[0].clone().reshape([5, 3]), ids).reshape([12])
        },
    );
}

#[test]
fn normalised_rows() {
    check(
        "normalise_rows",
        &[numbers(10, 20)],
        &|inputs| {
            let length = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt();
            inputs[0]
                .chunks(4)
                .flat_map(|row| row.iter().map(|x| x / length(row)).collect::<Vec<_>>())
                .collect()
        },
        &|inputs| ops::normalise_rows(inputs[0].clone().reshape([5, 4])).reshape([20]),
    );
}

#[test]
fn rms_norm() {
    check(
        "rms_norm",
        &[numbers(11, 12), numbers(12, 4)],
        &|inputs| {
            let gain = &inputs[1];
            let normed = |row: &[f64]| -> Vec<f64> {
                let mean = row.iter().map(|x| x * x).sum::<f64>() / row.len() as f64;
                row.iter().zip(gain).map(|(x, g)| g * x / (mean + 1e-3).sqrt()).collect()
            };
            inputs[0].chunks(4).flat_map(normed).collect()
        },
        &|inputs| {
            let x = inputs[0].clone().reshape([1, 3, 4]);
            ops::rms_norm(x, inputs[1].clone(), 1e-3).reshape([12])
        },
    );
}

#[test]
fn rope() {
    let positions = [0usize, 2, 37];
    let (heads, width, theta) = (2, 4, 50.0f64);
    check(
        "rope with its tables",
        &[numbers(13, heads * positions.len() * width)],
        &|inputs| {
            let mut turned = inputs[0].clone();
            for (row, values) in turned.chunks_mut(width).enumerate() {
                let position = positions[row % positions.len()] as f64;
                for i in 0..width / 2 {
                    let angle = position * theta.powf(-2.0 * i as f64 / width as f64);
                    let (a, b) = (values[i], values[i + width / 2]);
                    values[i] = a * angle.cos() - b * angle.sin();
                    values[i + width / 2] = b * angle.cos() + a * angle.sin();
                }
            }
            turned
        },
        &|inputs| {
            let config = DecoderConfig {
                head_dim: Some(width),
                rope_theta: theta,
                ..DecoderConfig::baichuan2_tiny()
            };
            let (cos, sin) = rope_tables(&positions, 1, &config, &device());
            let x = inputs[0].clone().reshape([1, heads, positions.len(), width]);
            ops::rope(x, &cos, &sin).reshape([-1])
        },
    );
}

#[test]
fn slopes() {
    // Halving from 2^-8/n on; what is missing to a power of two comes from the next one's odd places.
    let expected = [0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125];
    let ours = alibi_slopes(6);
    assert!(ours.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{ours:?}");
}

/// A causal bias of `slope · (key - query)`.
fn causal(length: usize, slope: f64) -> Vec<f32> {
    let bias = |query: usize, key: usize| match key <= query {
        true => (slope * (key as f64 - query as f64)) as f32,
        false => f32::NEG_INFINITY,
    };
    (0..length * length).map(|i| bias(i / length, i % length)).collect()
}

/// Two groups, the second's prefix padded by one; two suffixes; a slope for each head.
#[test]
fn attention_of_groups() {
    let (g, h, p, k, u, d) = (2usize, 4usize, 3usize, 2usize, 2usize, 4usize);
    let (lengths, slopes) = ([3usize, 2], [0.0, 0.25, 0.5, 1.0]);
    let s = p + k * u;
    for heads in [4, 2, 1] {
        let at = move |row: usize, head: usize, heads: usize, place: usize| {
            ((row * heads + head) * s + place) * d
        };
        let host = move |inputs: &[Vec<f64>]| -> Vec<f64> {
            let (q, keys, values) = (&inputs[0], &inputs[1], &inputs[2]);
            let mut output = Vec::new();
            for (row, length) in lengths.iter().enumerate() {
                for (head, slope) in slopes.iter().enumerate() {
                    for query in 0..s {
                        // Its part (0 is the prefix) and its position in a sample.
                        let stands = |place: usize| match place.checked_sub(p) {
                            None => (0, place),
                            Some(i) => (1 + i / u, length + i % u),
                        };
                        let (part, position) = stands(query);
                        let sees = |key: usize| {
                            let (of, at) = stands(key);
                            let own = of == part && at <= position;
                            own || (of == 0 && part > 0 && key < *length)
                        };
                        let seen: Vec<(&[f64], &[f64], f64)> = (0..s)
                            .filter(|key| sees(*key))
                            .map(|key| {
                                let from = at(row, head / (h / heads), heads, key);
                                let distance = stands(key).1 as f64 - position as f64;
                                let (key, value) = (&keys[from..from + d], &values[from..from + d]);
                                (key, value, slope * distance)
                            })
                            .collect();
                        let from = at(row, head, h, query);
                        output.extend(attend(&q[from..from + d], &seen));
                    }
                }
            }
            output
        };
        let ours = |inputs: &[Tensor<1>]| {
            let device = device();
            let biases = |length: usize| -> Vec<f32> {
                slopes.iter().flat_map(|slope| causal(length, *slope)).collect()
            };
            let mut shared = Vec::new();
            for length in lengths {
                for slope in slopes {
                    for query in 0..k * u {
                        let position = (length + query % u) as f64;
                        shared.extend((0..p).map(|key| match key < length {
                            true => (slope * (key as f64 - position)) as f32,
                            false => f32::NEG_INFINITY,
                        }));
                    }
                }
            }
            let bias = GroupBias {
                prefix: Some(four(&biases(p), [1, h, p, p], &device)),
                shared: Some(four(&shared, [g, h, k * u, p], &device)),
                own: four(&biases(u), [1, h, u, u], &device),
            };
            let q = inputs[0].clone().reshape([g, h, s, d]);
            let [keys, values] = [1, 2].map(|i| inputs[i].clone().reshape([g, heads, s, d]));
            let shape = GroupShape { prefix: p, k, suffix: u };
            group_attention(q, keys, values, shape, &bias).reshape([-1])
        };
        let inputs = [
            numbers(14, g * h * s * d),
            numbers(15, g * heads * s * d),
            numbers(16, g * heads * s * d),
        ];
        check(&format!("group_attention, {heads} key-value heads of {h}"), &inputs, &host, &ours);
    }
}

#[test]
fn attention_without_a_prefix() {
    let (h, u, d) = (2usize, 3usize, 4usize);
    check(
        "group_attention without a prefix",
        &[numbers(17, h * u * d), numbers(18, h * u * d), numbers(19, h * u * d)],
        &|inputs| {
            let row = |input: &'_ [f64], i: usize| input[i * d..i * d + d].to_vec();
            (0..h * u)
                .flat_map(|i| {
                    let first = i / u * u;
                    let keys: Vec<Vec<f64>> = (first..=i).map(|j| row(&inputs[1], j)).collect();
                    let values: Vec<Vec<f64>> = (first..=i).map(|j| row(&inputs[2], j)).collect();
                    let seen: Vec<(&[f64], &[f64], f64)> =
                        keys.iter().zip(&values).map(|(k, v)| (&k[..], &v[..], 0.0)).collect();
                    attend(&row(&inputs[0], i), &seen)
                })
                .collect()
        },
        &|inputs| {
            let own = four(&causal(u, 0.0), [1, 1, u, u], &device());
            let bias = GroupBias { prefix: None, shared: None, own };
            let [q, keys, values] = [0, 1, 2].map(|i| inputs[i].clone().reshape([1, h, u, d]));
            let shape = GroupShape { prefix: 0, k: 1, suffix: u };
            group_attention(q, keys, values, shape, &bias).reshape([-1])
        },
    );
}

/// Two rows behind one prefix; the second row's first cached place is padding.
#[test]
fn attention_with_a_cache() {
    let (rows, h, new, p, seen, d) = (2usize, 4usize, 2usize, 3usize, 3usize, 4usize);
    let hidden = |row: usize, query: usize, key: usize| {
        // Of the cache's three places the last two are the new ones.
        (row == 1 && key == 0) || key > query + 1
    };
    for heads in [4, 2] {
        let host = move |inputs: &[Vec<f64>]| -> Vec<f64> {
            let mut output = Vec::new();
            for row in 0..rows {
                for head in 0..h {
                    let shared = head / (h / heads);
                    let part = |input: usize, row: usize, length: usize, place: usize| {
                        let from = ((row * heads + shared) * length + place) * d;
                        &inputs[input][from..from + d]
                    };
                    for query in 0..new {
                        let prefix =
                            (0..p).map(|key| (part(1, 0, p, key), part(2, 0, p, key), 0.0));
                        let own = (0..seen)
                            .filter(|key| !hidden(row, query, *key))
                            .map(|key| (part(3, row, seen, key), part(4, row, seen, key), 0.0));
                        let from = ((row * h + head) * new + query) * d;
                        let keys: Vec<_> = prefix.chain(own).collect();
                        output.extend(attend(&inputs[0][from..from + d], &keys));
                    }
                }
            }
            output
        };
        let ours = |inputs: &[Tensor<1>]| {
            let mut own = Vec::new();
            for row in 0..rows {
                for query in 0..new {
                    let bias = |key| if hidden(row, query, key) { f32::NEG_INFINITY } else { 0.0 };
                    own.extend((0..seen).map(bias));
                }
            }
            let own = Some(four(&own, [rows, 1, new, seen], &device()));
            let bias = CacheBias { prefix: None, own };
            let q = inputs[0].clone().reshape([rows, h, new, d]);
            let [pk, pv] = [1, 2].map(|i| inputs[i].clone().reshape([1, heads, p, d]));
            let [ok, ov] = [3, 4].map(|i| inputs[i].clone().reshape([rows, heads, seen, d]));
            cached_attention(q, Some(&(pk, pv)), (ok, ov), &bias).reshape([-1])
        };
        let count = |rows: usize, heads: usize, length: usize| rows * heads * length * d;
        let inputs = [
            numbers(20, count(rows, h, new)),
            numbers(21, count(1, heads, p)),
            numbers(22, count(1, heads, p)),
            numbers(23, count(rows, heads, seen)),
            numbers(24, count(rows, heads, seen)),
        ];
        check(&format!("cached_attention, {heads} key-value heads of {h}"), &inputs, &host, &ours);
    }
}

/// It has its gradients in closed form.
#[test]
fn cross_entropy_of_a_chunk() {
    let (n, width, vocabulary) = (3usize, 4usize, 5usize);
    let (labels, weights) = ([4usize, 0, 4], [1.0f32, 0.5, 0.25]);
    for (smoothing, z) in [(0.0, 0.0), (0.1, 0.0), (0.0, 1e-2), (0.25, 1e-1)] {
        let rows = |inputs: &[Vec<f64>]| -> Vec<f64> {
            let logits = product(&inputs[0], &inputs[1], width);
            logits
                .chunks(vocabulary)
                .zip(labels.iter().zip(weights))
                .map(|(row, (label, weight))| {
                    let logs: Vec<f64> = softmax(row).iter().map(|share| share.ln()).collect();
                    let mean = logs.iter().sum::<f64>() / vocabulary as f64;
                    let log_z = row.iter().map(|logit| logit.exp()).sum::<f64>().ln();
                    let loss = -(1.0 - smoothing) * logs[*label] - smoothing * mean;
                    (loss + z * log_z * log_z) * f64::from(weight)
                })
                .collect()
        };
        let inputs = [numbers(25, n * width), numbers(26, vocabulary * width)];
        let exact: Vec<Vec<f64>> = inputs.iter().map(|values| exact(values)).collect();
        let device = device();
        let ours = cross_entropy(
            flat(&inputs[0], &device).reshape([n, width]),
            flat(&inputs[1], &device).reshape([vocabulary, width]),
            int(&labels.map(|label| label as i32), &device),
            flat(&weights, &device),
            LossTerms { smoothing, z },
            true,
        );
        let sum = |inputs: &[Vec<f64>]| -> f64 { rows(inputs).iter().sum() };
        let name = format!("cross_entropy, label smoothing {smoothing}, z-loss {z}");
        let mut found = Differences::of(&name);
        found.hold("losses", &read(ours.rows), &rounded(&rows(&exact)), FORWARD);
        let hidden = central_differences(&sum, &exact, 0);
        found.hold("gradient of the hidden states", &read(ours.hidden), &hidden, GRADIENT);
        let head = central_differences(&sum, &exact, 1);
        found.hold("gradient of the head", &read(ours.head.unwrap()), &head, GRADIENT);
        found.end();
    }
}
