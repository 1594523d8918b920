//! Every kernel against the plain body of its operation, and what each of them launches.
#![allow(clippy::unwrap_used)]

use super::launches::launches;
use super::{Kernels, int_primitive, primitive};
use crate::ops::{self, Dropout, LossTerms};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burn_cubecl::Cube;

/// The GPU at hand, and the CPU that it is held against.
fn devices() -> [Device; 2] {
    [crate::ops::kernels::gpu(), Device::flex()]
}

/// Made-up values of these dimensions, the same on every run and device.
fn values<const D: usize>(dims: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    let count = dims.iter().product::<usize>() as u64;
    let numbers: Vec<f32> = (0..count)
        .map(|i| {
            let bits = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_mul(2 * seed + 1);
            ((bits >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 3.0
        })
        .collect();
    Tensor::from_data(TensorData::new(numbers, dims), device)
}

fn ints(numbers: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let length = numbers.len();
    Tensor::from_data(TensorData::new(numbers, [length]), device)
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    assert_eq!(tensor.dtype(), DType::F32);
    tensor.into_data().iter::<f32>().collect()
}

/// What an operation gives on the GPU and on the CPU differs by the order of sums only.
fn check(name: &str, run: impl Fn(&Device) -> Vec<Vec<f32>>) {
    let [gpu, cpu] = devices();
    let (ours, theirs) = (run(&gpu), run(&cpu));
    assert_eq!(ours.len(), theirs.len(), "{name}");
    for (i, (ours, theirs)) in ours.into_iter().zip(theirs).enumerate() {
        assert_eq!(ours.len(), theirs.len(), "{name}, result {i}");
        let most = theirs.iter().fold(1e-6f32, |most, value| most.max(value.abs()));
        for (at, (a, b)) in ours.iter().zip(&theirs).enumerate() {
            assert!((a - b).abs() <= 2e-5 * most, "{name}, result {i}, at {at}: {a} and {b}");
        }
    }
}

/// Nothing here is a multiple of anything but the real widths; the last has more rows than a launch has
/// cubes.
const SHAPES: [[usize; 3]; 7] = [
    [1, 1, 5],
    [1, 70, 33],
    [2, 3, 4096],
    [1, 3, 5120],
    [1, 2, 5119],
    [3, 67, 132],
    [1, 70_001, 2],
];

#[test]
fn rms_norm() {
    for dims in SHAPES {
        check(&format!("norm {dims:?}"), |device| {
            let gain = values([dims[2]], 2, device);
            vec![host(ops::rms_norm(values(dims, 1, device), gain, 1e-6))]
        });
        check(&format!("sum and norm {dims:?}"), |device| {
            let (x, r) = (values(dims, 1, device), values(dims, 3, device));
            let (sum, y) = ops::add_rms_norm(x, r, values([dims[2]], 2, device), 1e-6);
            vec![host(sum), host(y)]
        });
    }
}

#[test]
fn rms_norm_backward() {
    for dims in SHAPES {
        for (adding, gain_wanted) in [(false, false), (true, false), (false, true), (true, true)] {
            check(&format!("{dims:?} {adding} {gain_wanted}"), |device| {
                let (x, dy) = (values(dims, 1, device), values(dims, 3, device));
                let gain = values([dims[2]], 2, device);
                let beside = adding.then(|| values(dims, 4, device));
                let (dx, of_gain) = ops::rms_norm_backward(x, gain, dy, beside, 1e-6, gain_wanted);
                assert_eq!(of_gain.is_some(), gain_wanted);
                [Some(host(dx)), of_gain.map(host)].into_iter().flatten().collect()
            });
        }
    }
}

#[test]
fn a_view_of_a_tensor_is_read_as_what_it_shows() {
    check("views", |device| {
        let x = values([4, 33, 7], 1, device).swap_dims(0, 1);
        let r = values([33, 9, 7], 3, device).narrow(1, 2, 4);
        let (sum, y) = ops::add_rms_norm(x.clone(), r.clone(), values([7], 2, device), 1e-6);
        let (dgate, dup) = ops::swiglu_backward(x.clone(), r.clone(), sum.clone());
        vec![host(sum), host(y), host(dgate), host(dup)]
    });
}

#[test]
fn swiglu() {
    for (dims, size) in
        [([2, 3, 1000], 1.0), ([1, 3, 7], 1.0), ([1, 71, 11_008], 1.0), ([1, 9, 40], 60.0)]
    {
        check(&format!("swiglu {dims:?}"), |device| {
            let (gate, up) = (values(dims, 1, device) * size, values(dims, 2, device));
            let dy = values(dims, 3, device);
            let (dgate, dup) = ops::swiglu_backward(gate.clone(), up.clone(), dy);
            vec![host(ops::swiglu(gate, up)), host(dgate), host(dup)]
        });
    }
}

#[test]
fn normalised_rows() {
    for dims in [[2, 4], [130, 33], [3, 5119], [70_001, 2]] {
        check(&format!("rows {dims:?}"), |device| {
            // A row of zeros stays one.
            let weight = values(dims, 1, device);
            let first = weight.clone().narrow(0, 0, 1).mul_scalar(0.0);
            let rows = vec![first, weight.narrow(0, 1, dims[0] - 1)];
            vec![host(ops::normalise_rows(Tensor::cat(rows, 0)))]
        });
    }
}

/// Loss and gradient of these logits, by the kernel or by the plain body; without the products around them,
/// whose ways are chosen by measuring.
fn chunk(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    weights: Tensor<1>,
    terms: LossTerms,
) -> (Tensor<1>, Tensor<2>) {
    let Some(ours) = primitive(&logits) else {
        return ops::plain_chunk(logits, labels, weights, terms, DType::F32);
    };
    let (labels, weights) = (int_primitive(&labels).unwrap(), primitive(&weights).unwrap());
    let (rows, gradient) =
        <Cube as Kernels>::cross_entropy(ours, labels, weights, terms.smoothing, terms.z);
    (Tensor::from_primitive::<Cube>(rows), Tensor::from_primitive::<Cube>(gradient))
}

#[test]
fn cross_entropy() {
    let terms = [(0.0, 0.0), (0.1, 0.0), (0.0, 1e-2), (0.3, 1e-3)];
    for [rows, vocabulary] in [[1, 2], [37, 500], [3, 12_569], [70_001, 4]] {
        for (smoothing, z) in terms {
            let terms = LossTerms { smoothing, z };
            check(&format!("{rows} rows of {vocabulary}, {terms:?}"), |device| {
                let labels = (0..rows).map(|i| (i * 37 % vocabulary) as i32).collect();
                let logits = values([rows, vocabulary], 1, device) * 10.0;
                let weights = values([rows], 3, device);
                let (rows, gradient) = chunk(logits, ints(labels, device), weights, terms);
                vec![host(rows), host(gradient)]
            });
        }
    }
}

#[test]
fn logits_that_somebody_holds_are_not_written() {
    let [gpu, _] = devices();
    let logits = values([3, 50], 1, &gpu);
    let (labels, weights) = (ints(vec![4, 0, 49], &gpu), values([3], 2, &gpu));
    let (_, gradient) = chunk(logits.clone(), labels, weights, LossTerms::default());
    let gradient = host(gradient);
    assert_eq!(host(logits), host(values([3, 50], 1, &gpu)));
    // Of one row: softmax less the label, which adds up to nothing.
    assert!(gradient[..50].iter().sum::<f32>().abs() < 1e-5);
    assert!(gradient.iter().any(|value| value.abs() > 1e-3));
}

#[test]
fn embedding_gradient() {
    let vocabulary = 60;
    for (tokens, width) in [(1, 3), (700, 33), (9, 4096), (50, 132)] {
        // One token at a third of the places, some not at all.
        let id = |i: usize| if i.is_multiple_of(3) { 7 } else { (i * 31 % 50) as i32 };
        let ids: Vec<i32> = (0..tokens).map(id).collect();
        for earlier in [false, true] {
            check(&format!("{tokens} tokens of {width}, {earlier}"), |device| {
                let weight = values([vocabulary, width], 1, device);
                let gradient = values([tokens, width], 2, device);
                let before = earlier.then(|| values([vocabulary, width], 3, device));
                let sum = ops::embedding_gradient(&weight, &ids, gradient.clone(), before.clone());
                let again = ops::embedding_gradient(&weight, &ids, gradient, before.clone());
                let sum = host(sum);
                assert_eq!(sum, host(again), "to the bit");
                // What was there before is not written while somebody holds it.
                let before = before.map(host);
                [Some(sum), before].into_iter().flatten().collect()
            });
        }
    }
}

#[test]
fn rows_are_taken_and_added() {
    // One place is met three times, as the last token of a prefix is by its suffixes; some are not met.
    let at = [11, 3, 3, 0, 3, 59, 12];
    for width in [3, 33, 132, 4096] {
        check(&format!("rows of {width}"), |device| {
            let all = values([60, width], 1, device);
            let taken = ops::take_rows(all.clone(), &ints(at.to_vec(), device));
            let rows = values([at.len(), width], 2, device);
            let sum = ops::add_rows(all.clone(), &at, rows.clone());
            let again = host(ops::add_rows(all.clone(), &at, rows));
            let sum = host(sum);
            assert_eq!(sum, again, "to the bit");
            // What is added to is not written while somebody holds it.
            vec![host(taken), sum, host(all)]
        });
    }
}

#[test]
fn each_operation_is_the_launches_that_it_says() {
    let [gpu, _] = devices();
    let dims = [1, 37, 132];
    let x = || values(dims, 1, &gpu);
    let gain = values([132], 2, &gpu);
    let check = |name: &str, expected: &[&str], work: &dyn Fn()| {
        // What is only done once, like tuning a product, is done before.
        work();
        let found = launches(work);
        let ours = found.iter().filter(|kernel| kernel.contains("ops::kernels")).count();
        assert_eq!(ours, expected.len(), "{name} launches {found:?}");
        for (kernel, expected) in found.iter().filter(|k| k.contains("ops::kernels")).zip(expected)
        {
            assert!(kernel.contains(expected), "{name} launches {found:?}");
        }
        found.len() - ours
    };
    let (a, b, c) = (x(), x(), x());
    let by = Dropout { seed: 5, share: 0.1 };
    let places = ints(vec![5, 0, 36], &gpu);
    let none_beside = [
        check("norm", &["norm::rms_norm"], &|| drop(ops::rms_norm(a.clone(), gain.clone(), 1e-6))),
        check("sum and norm", &["norm::add_rms_norm"], &|| {
            drop(ops::add_rms_norm(a.clone(), b.clone(), gain.clone(), 1e-6));
        }),
        check("norm backward", &["norm_backward::rms_norm_backward"], &|| {
            let (x, dy, beside) = (a.clone(), b.clone(), Some(c.clone()));
            drop(ops::rms_norm_backward(x, gain.clone(), dy, beside, 1e-6, false));
        }),
        check(
            "both gradients",
            &["norm_backward::rms_norm_backward", "norm_backward::column_sums"],
            &|| {
                let (x, dy, beside) = (a.clone(), b.clone(), Some(c.clone()));
                drop(ops::rms_norm_backward(x, gain.clone(), dy, beside, 1e-6, true));
            },
        ),
        check("swiglu", &["swiglu::swiglu_kernel"], &|| drop(ops::swiglu(a.clone(), b.clone()))),
        check("swiglu backward", &["swiglu::swiglu_backward"], &|| {
            drop(ops::swiglu_backward(a.clone(), b.clone(), c.clone()));
        }),
        check("rows", &["norm::normalise"], &|| {
            drop(ops::normalise_rows(a.clone().reshape([37, 132])));
        }),
        check("dropout", &["dropout::dropout_kernel"], &|| drop(ops::dropout(a.clone(), by))),
        check("sum and dropout", &["dropout::add_dropout"], &|| {
            drop(ops::add_dropout(x(), b.clone(), by));
        }),
        check("embedding", &["embedding::add_rows"], &|| {
            let [weight, before] = [1, 2].map(|seed| values([50, 132], seed, &gpu));
            let gradient = values([3, 132], 3, &gpu);
            drop(ops::embedding_gradient(&weight, &[3, 4, 3], gradient, Some(before)));
        }),
        check("rows taken", &["rows::spread"], &|| {
            drop(ops::take_rows(a.clone().reshape([37, 132]), &places));
        }),
        check("rows added", &["embedding::add_rows"], &|| {
            // Nobody else holds what is added to.
            let sum = Tensor::empty([50, 132], (&gpu, DType::F32));
            drop(ops::add_rows(sum, &[3, 4, 3], values([3, 132], 3, &gpu)));
        }),
    ];
    assert_eq!(none_beside, [0; 12], "launches of the tensor library beside ours");
    let head = values([50, 132], 4, &gpu);
    let (labels, weights) = (ints((0..37).collect(), &gpu), values([37], 5, &gpu));
    let beside = check("cross-entropy", &["cross_entropy::chunk"], &|| {
        let (hidden, terms) = (a.clone().reshape([37, 132]), LossTerms::default());
        let (labels, weights) = (labels.clone(), weights.clone());
        drop(ops::cross_entropy(hidden, head.clone(), labels, weights, terms, true));
    });
    // The products: logits, the gradient of the states, the gradient of the head.
    assert_eq!(beside, 3);
}
