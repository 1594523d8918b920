//! Every kernel against the plain body of its operation, and what each of them launches.
#![allow(clippy::unwrap_used)]

use super::launches::launches;
use super::site::{
    Found, Site, assert_gaps, check, check_in, left_to_gpus, types, types_of_large_cubes,
    units_are_threads, with_gaps,
};
use super::{Kernels, int_primitive, primitive};
use crate::ops::{self, Dropout, LossTerms};
use burn::tensor::{DType, Int, Tensor};
use burn_cubecl::Cube;

/// Made-up numbers, the same on every run.
fn numbers(count: usize, seed: u64, size: f32) -> Vec<f32> {
    let number = |i: u64| {
        let bits = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_mul(2 * seed + 1);
        ((bits >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 3.0 * size
    };
    (0..count as u64).map(number).collect()
}

/// Values of these dimensions, up to 1.5.
fn values<const D: usize>(dims: [usize; D], seed: u64, site: &Site) -> Tensor<D> {
    sized(dims, seed, 1.0, site)
}

fn sized<const D: usize>(dims: [usize; D], seed: u64, size: f32, site: &Site) -> Tensor<D> {
    site.tensor(numbers(dims.iter().product(), seed, size), dims)
}

/// Values in f32, whatever the type of others.
fn full<const D: usize>(dims: [usize; D], seed: u64, site: &Site) -> Tensor<D> {
    site.full(numbers(dims.iter().product(), seed, 1.0), dims)
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

/// What two units share without going through thousands of values each.
const SMALL: [[usize; 3]; 4] = [[1, 1, 5], [1, 70, 33], [2, 3, 1024], [3, 67, 132]];

/// Where each column of a row is added up over the rows, too: a few cubes of many units.
const NARROW: [[usize; 3]; 2] = [[1, 70, 33], [2, 3, 64]];

fn shapes() -> &'static [[usize; 3]] {
    if units_are_threads() { &SMALL } else { &SHAPES }
}

/// How many cases of a test are tried: `few` where units are threads.
fn at_most(few: usize) -> usize {
    if units_are_threads() { few } else { usize::MAX }
}

#[test]
fn rms_norm() {
    for dims in shapes().iter().copied() {
        check(&format!("norm {dims:?}"), |site| {
            let gain = values([dims[2]], 2, site);
            // Before the gain, and after it.
            vec![Found::rounded(ops::rms_norm(values(dims, 1, site), gain, 1e-6), 2)]
        });
        check(&format!("sum and norm {dims:?}"), |site| {
            let (x, r) = (values(dims, 1, site), values(dims, 3, site));
            let gain = values([dims[2]], 2, site);
            let (sum, y) = ops::add_rms_norm(x, r, gain.clone(), 1e-6);
            // What is normed is the sum that is kept, rounded.
            let y = match site.numbers == site.dtype {
                true => y,
                false => ops::rms_norm(site.between(sum.clone()), gain, 1e-6),
            };
            vec![Found::new(sum), Found::rounded(y, 2)]
        });
    }
}

#[test]
fn rms_norm_backward() {
    for (adding, gain_wanted) in [(false, false), (true, false), (false, true), (true, true)] {
        let (shapes, types) = match (gain_wanted, units_are_threads()) {
            (true, true) if !adding => continue,
            (true, true) => (&NARROW[..], types_of_large_cubes()),
            _ => (shapes(), types()),
        };
        for dims in shapes.iter().copied() {
            check_in(&types, &format!("{dims:?} {adding} {gain_wanted}"), |site| {
                let (x, dy) = (values(dims, 1, site), values(dims, 3, site));
                let gain = values([dims[2]], 2, site);
                let beside = adding.then(|| values(dims, 4, site));
                let (dx, of_gain) = ops::rms_norm_backward(x, gain, dy, beside, 1e-6, gain_wanted);
                assert_eq!(of_gain.is_some(), gain_wanted);
                [Some(Found::new(dx)), of_gain.map(Found::full)].into_iter().flatten().collect()
            });
        }
    }
}

#[test]
fn a_view_of_a_tensor_is_read_as_what_it_shows() {
    check("views", |site| {
        let x = values([4, 33, 7], 1, site).swap_dims(0, 1);
        let r = values([33, 9, 7], 3, site).narrow(1, 2, 4);
        let (sum, _) = ops::add_rms_norm(x.clone(), r.clone(), values([7], 2, site), 1e-6);
        let y = ops::rms_norm(x.clone(), values([7], 2, site), 1e-6);
        let (dgate, dup) = ops::swiglu_backward(x.clone(), r.clone(), values([33, 4, 7], 4, site));
        let results = vec![sum, dgate, dup, ops::swiglu(x, r)];
        [Found::rounded(y, 2)].into_iter().chain(results.into_iter().map(Found::new)).collect()
    });
}

#[test]
fn rows_with_gaps_are_read_by_their_strides() {
    // 512 bytes from row to row in bf16, as CUDA has it; and strides that no vector fits.
    for (wide, gap) in [(32, 224), (40, 16), (33, 16), (7, 48)] {
        check(&format!("rows of {wide} and a gap of {gap}"), |site| {
            let part = |seed| with_gaps(|dims| values(dims, seed, site), [2, 5, wide], gap);
            let flat = |seed| with_gaps(|dims| values(dims, seed, site), [6, wide], gap);
            assert_gaps(&part(1));
            assert_gaps(&flat(1));
            let gain = || values([wide], 2, site);
            let (sum, _) = ops::add_rms_norm(part(1), part(2), gain(), 1e-6);
            let beside = Some(part(4));
            let (dx, _) = ops::rms_norm_backward(part(1), gain(), part(3), beside, 1e-6, false);
            let (dgate, dup) = ops::swiglu_backward(part(1), part(2), part(3));
            let labels = (0..6).map(|i| i * 5 % wide as i32).collect();
            let weights = full([6], 3, site);
            let terms = LossTerms::default();
            let (rows, gradient) = chunk(flat(5), site.ints(labels), weights, terms);
            let y = ops::rms_norm(part(1), gain(), 1e-6);
            let parts = [sum, dx, dgate, dup, ops::swiglu(part(1), part(2))].map(Found::new);
            let flats = [gradient, ops::normalise_rows(flat(1))].map(Found::new);
            let mut found = vec![Found::rounded(y, 2), Found::full(rows)];
            found.extend(parts.into_iter().chain(flats));
            found
        });
    }
}

#[test]
fn swiglu() {
    for (dims, size) in
        [([2, 3, 1000], 1.0), ([1, 3, 7], 1.0), ([1, 71, 11_008], 1.0), ([1, 9, 40], 60.0)]
    {
        check(&format!("swiglu {dims:?}"), |site| {
            let (gate, up) = (sized(dims, 1, size, site), values(dims, 2, site));
            let dy = values(dims, 3, site);
            let (dgate, dup) = ops::swiglu_backward(gate.clone(), up.clone(), dy);
            [ops::swiglu(gate, up), dgate, dup].map(Found::new).into()
        });
    }
}

#[test]
fn normalised_rows() {
    for dims in [[2, 4], [130, 33], [3, 5119], [70_001, 2]].into_iter().take(at_most(2)) {
        check(&format!("rows {dims:?}"), |site| {
            // A row of zeros stays one.
            let weight = values(dims, 1, site);
            let first = weight.clone().narrow(0, 0, 1).mul_scalar(0.0);
            let rows = vec![first, weight.narrow(0, 1, dims[0] - 1)];
            vec![Found::new(ops::normalise_rows(Tensor::cat(rows, 0)))]
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
    let all = [[1, 2], [37, 500], [3, 12_569], [70_001, 4]];
    for [rows, vocabulary] in all.into_iter().take(at_most(3)) {
        for (smoothing, z) in terms {
            let terms = LossTerms { smoothing, z };
            check(&format!("{rows} rows of {vocabulary}, {terms:?}"), |site| {
                let labels = (0..rows).map(|i| (i * 37 % vocabulary) as i32).collect();
                let logits = sized([rows, vocabulary], 1, 10.0, site);
                let weights = full([rows], 3, site);
                let (rows, gradient) = chunk(logits, site.ints(labels), weights, terms);
                vec![Found::full(rows), Found::new(gradient)]
            });
        }
    }
}

#[test]
fn logits_that_somebody_holds_are_not_written() {
    let site = Site::new(DType::F32);
    let host = |tensor: Tensor<2>| tensor.into_data().iter::<f32>().collect::<Vec<f32>>();
    let logits = values([3, 50], 1, &site);
    let (labels, weights) = (site.ints(vec![4, 0, 49]), values([3], 2, &site));
    let (_, gradient) = chunk(logits.clone(), labels, weights, LossTerms::default());
    let gradient = host(gradient);
    assert_eq!(host(logits), host(values([3, 50], 1, &site)));
    // Of one row: softmax less the label, which adds up to nothing.
    assert!(gradient[..50].iter().sum::<f32>().abs() < 1e-5);
    assert!(gradient.iter().any(|value| value.abs() > 1e-3));
}

#[test]
fn embedding_gradient() {
    let (vocabulary, types) = (60, types_of_large_cubes());
    let all = [(4, 64), (1, 3), (700, 33), (9, 4096), (50, 132)];
    for (tokens, width) in all.into_iter().take(at_most(1)) {
        // One token at a third of the places, some not at all.
        let id = |i: usize| if i.is_multiple_of(3) { 7 } else { (i * 31 % 50) as i32 };
        let ids: Vec<i32> = (0..tokens).map(id).collect();
        for earlier in [false, true] {
            check_in(&types, &format!("{tokens} tokens of {width}, {earlier}"), |site| {
                let weight = values([vocabulary, width], 1, site);
                let gradient = values([tokens, width], 2, site);
                let before = earlier.then(|| full([vocabulary, width], 3, site));
                let found: fn(Tensor<2>) -> Found = if earlier { Found::full } else { Found::new };
                let add = || {
                    let (gradient, before) = (gradient.clone(), before.clone());
                    found(ops::embedding_gradient(&weight, &ids, gradient, before))
                };
                let sum = add();
                if !units_are_threads() {
                    assert_eq!(sum, add(), "to the bit");
                }
                // What was there before is not written while somebody holds it.
                [Some(sum), before.clone().map(Found::full)].into_iter().flatten().collect()
            });
        }
    }
    if left_to_gpus("rows of an embedding's gradient with gaps") {
        return;
    }
    check_in(&types, "with gaps", |site| {
        let gradient = with_gaps(|dims| values(dims, 2, site), [9, 40], 96);
        let weight = values([vocabulary, 40], 1, site);
        let ids = [3, 1, 3, 59, 0, 1, 1, 7, 3];
        vec![Found::new(ops::embedding_gradient(&weight, &ids, gradient, None))]
    });
}

#[test]
fn rows_are_taken_and_added() {
    // One place is met three times, as the last token of a prefix is by its suffixes; some are not met.
    let at = [11, 3, 3, 0, 3, 59, 12];
    for width in [3, 33, 132, 4096] {
        check(&format!("rows of {width}"), |site| {
            let all = values([60, width], 1, site);
            let taken = ops::take_rows(all.clone(), &site.ints(at.to_vec()));
            let rows = values([at.len(), width], 2, site);
            let sum = ops::add_rows(all.clone(), &at, rows.clone());
            // The place that is met three times may be rounded as often.
            let again = Found::rounded(ops::add_rows(all.clone(), &at, rows), 3);
            let sum = Found::rounded(sum, 3);
            assert_eq!(sum, again, "to the bit");
            // What is added to is not written while somebody holds it.
            vec![Found::new(taken), sum, Found::new(all)]
        });
    }
}

#[test]
fn each_operation_is_the_launches_that_it_says() {
    if left_to_gpus("launches of each operation") {
        return;
    }
    let site = Site::new(DType::F32);
    let dims = [1, 37, 132];
    let x = || values(dims, 1, &site);
    let gain = values([132], 2, &site);
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
    let places = site.ints(vec![5, 0, 36]);
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
            let [weight, before] = [1, 2].map(|seed| values([50, 132], seed, &site));
            let gradient = values([3, 132], 3, &site);
            drop(ops::embedding_gradient(&weight, &[3, 4, 3], gradient, Some(before)));
        }),
        check("rows taken", &["rows::spread"], &|| {
            drop(ops::take_rows(a.clone().reshape([37, 132]), &places));
        }),
        check("rows added", &["embedding::add_rows"], &|| {
            // Nobody else holds what is added to.
            let sum = Tensor::empty([50, 132], (&site.device, DType::F32));
            drop(ops::add_rows(sum, &[3, 4, 3], values([3, 132], 3, &site)));
        }),
    ];
    assert_eq!(none_beside, [0; 12], "launches of the tensor library beside ours");
    let head = values([50, 132], 4, &site);
    let (labels, weights) = (site.ints((0..37).collect()), values([37], 5, &site));
    let beside = check("cross-entropy", &["cross_entropy::chunk"], &|| {
        let (hidden, terms) = (a.clone().reshape([37, 132]), LossTerms::default());
        let (labels, weights) = (labels.clone(), weights.clone());
        drop(ops::cross_entropy(hidden, head.clone(), labels, weights, terms, true));
    });
    // The products: logits, the gradient of the states, the gradient of the head.
    assert_eq!(beside, 3);
}
