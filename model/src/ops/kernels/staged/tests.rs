//! What is launched, for which hardware and lengths, and that it is attention.
//!
//! Where a device has no tensor cores, its search is left with the kernels that every device has: what
//! goes in and comes out is the same.
#![allow(clippy::unwrap_used)]

use super::super::launches::launches;
use super::super::primitive;
use super::super::site::{Site, left_to_gpus, types};
use super::{Class, backward, forward};
use crate::ops::{F32, FlashBody, Sight, cast};
use burn::tensor::{DType, Tensor};
use burn_cubecl::Cube;
use burn_cubecl::cubecl::features::MmaConfig;
use burn_cubecl::cubecl::ir::{ElemType, FloatKind};
use cubek::std::{Hardware, devices};

const BF16: ElemType = ElemType::Float(FloatKind::BF16);

/// Attention of Baichuan2-7B over rows of this length.
fn class(rows: usize, length: usize) -> Class {
    Class {
        element: BF16,
        rows,
        heads: 32,
        key_value_heads: 32,
        queries: length,
        keys: length,
        head_dim: 128,
        causal: true,
    }
}

/// An H100 whose tensor cores multiply such numbers and add up in f32.
fn h100(elements: &[ElemType]) -> Hardware {
    let of = |element: &ElemType| MmaConfig {
        a_type: *element,
        b_type: *element,
        cd_type: ElemType::Float(FloatKind::F32),
        m: 16,
        n: 16,
        k: 16,
    };
    devices::offering_cmma(devices::h100(), elements.iter().map(of))
}

#[test]
fn lengths_and_rows_are_one_class_up_to_a_power_of_two() {
    let near = [class(3, 513), class(4, 700), class(4, 1024)];
    for other in near {
        assert_eq!(forward::key(&near[0]), forward::key(&other), "{other:?}");
        assert_eq!(backward::key(&near[0]), backward::key(&other), "{other:?}");
    }
    let far = [
        class(3, 512),
        class(3, 1025),
        class(5, 1024),
        Class { causal: false, ..near[0] },
        Class { keys: 2048, ..near[0] },
        Class { head_dim: 64, ..near[0] },
        Class { key_value_heads: 8, ..near[0] },
        Class { element: ElemType::Float(FloatKind::F16), ..near[0] },
    ];
    for other in far {
        assert_ne!(forward::key(&near[0]), forward::key(&other), "{other:?}");
        assert_ne!(backward::key(&near[0]), backward::key(&other), "{other:?}");
    }
}

#[test]
fn tensor_cores_take_bf16_of_any_length_and_heads_that_divide() {
    let (with, without) = (h100(&[BF16]), h100(&[]));
    let of = |hardware, class: &Class| {
        let found = forward::suits(hardware, &forward::key(class));
        assert_eq!(found, backward::suits(hardware, &backward::key(class)), "{class:?}");
        found
    };
    let prefix = Class { queries: 96, keys: 700, causal: false, ..class(8, 96) };
    let grouped = Class { key_value_heads: 8, ..class(2, 4096) };
    for class in [class(1, 2), class(2, 33), class(2, 4096), prefix, grouped] {
        assert!(of(&with, &class), "{class:?}");
        assert!(!of(&without, &class), "{class:?}");
    }
    let uneven = Class { key_value_heads: 5, ..class(2, 64) };
    assert!(!of(&with, &uneven));
    let single = Class { element: ElemType::Float(FloatKind::F32), ..class(2, 64) };
    assert!(!of(&with, &single), "f32 has no such instruction here");
}

#[test]
fn a_search_is_a_fraction_of_the_librarys() {
    let hardware = h100(&[BF16]);
    // docs/cuda.md says so; the tensor library has about 220 and 40.
    let counts = (forward::candidates(&hardware).len(), backward::candidates(&hardware));
    assert_eq!(counts, (27, 16));
}

/// Queries, keys, values and the gradient of the mixed values, as views of what lies token after token.
fn operands(site: &Site, class: &Class) -> [Tensor<4>; 4] {
    let of = |heads: usize, length: usize, seed: usize| {
        let (b, d) = (class.rows, class.head_dim);
        let numbers = (0..b * length * heads * d)
            .map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0)
            .collect();
        site.tensor(numbers, [b, length, heads, d]).swap_dims(1, 2)
    };
    [
        of(class.heads, class.queries, 1),
        of(class.key_value_heads, class.keys, 2),
        of(class.key_value_heads, class.keys, 3),
        of(class.heads, class.queries, 4),
    ]
}

type Pass = ((Tensor<4>, Tensor<3>), [Tensor<4>; 3]);

/// Both passes by the kernels of this module, whether they are for tensor cores or not.
fn passes([q, k, v, dy]: [Tensor<4>; 4], causal: bool) -> Pass {
    let (mixed, sums) = values([&q, &k, &v], causal);
    let gradients = gradients([&q, &k, &v, &mixed, &dy], &sums, causal);
    ((mixed, sums), gradients)
}

fn values(inputs: [&Tensor<4>; 3], causal: bool) -> (Tensor<4>, Tensor<3>) {
    let inputs = inputs.map(|tensor| primitive(tensor).unwrap());
    let class = Class::of(&inputs[0], &inputs[1], causal);
    let (mixed, sums) = forward::Call::new(inputs, &class).unwrap().launch();
    (Tensor::from_primitive::<Cube>(mixed), Tensor::from_primitive::<Cube>(sums))
}

fn gradients(inputs: [&Tensor<4>; 5], sums: &Tensor<3>, causal: bool) -> [Tensor<4>; 3] {
    let inputs = inputs.map(|tensor| primitive(tensor).unwrap());
    let class = Class::of(&inputs[0], &inputs[1], causal);
    let call = backward::Call::new(inputs, primitive(sums).unwrap(), &class).unwrap();
    call.launch().map(Tensor::from_primitive::<Cube>)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    cast(tensor, F32).into_data().iter::<f32>().collect()
}

/// Classes that a software GPU computes in seconds: grouped heads, lengths that fill no tile, and a
/// prefix that queries see whole.
fn small() -> [Class; 3] {
    let class = Class { heads: 4, key_value_heads: 2, head_dim: 32, ..class(2, 33) };
    [
        class,
        Class { key_value_heads: 4, queries: 130, keys: 130, rows: 1, ..class },
        Class { queries: 20, keys: 37, causal: false, ..class },
    ]
}

/// Holds `found` against `expected`, apart by so much of the largest.
fn hold(name: &str, found: &[f32], expected: &[f32], near: f32) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let most = expected.iter().fold(1e-6f32, |most, value| most.max(value.abs()));
    for (at, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= near * most, "{name}, at {at}: {a} and {b}");
    }
}

#[test]
fn values_sums_and_gradients_are_those_of_blocks_of_queries() {
    if left_to_gpus("attention by its own search") {
        return;
    }
    for dtype in types() {
        // Weights are rounded to bf16 before they mix values; tensor cores round f32 to TF32.
        let exact = dtype == DType::F32 && !cfg!(feature = "cuda");
        let near = if exact { 1e-4 } else { 4e-2 };
        for class in small() {
            let causal = class.causal;
            let sight = if causal { Sight::Causal } else { Sight::Prefix(class.queries) };
            let [q, k, v, dy] = operands(&Site::reference(dtype), &class);
            let plain = FlashBody::Chunked(&[0.0]);
            let (mixed, sums) = plain.forward(q.clone(), k.clone(), v.clone(), sight);
            let expected = plain.backward([q, k, v], (mixed.clone(), sums.clone()), dy, sight);

            let ((found, of), gradients) = passes(operands(&Site::new(dtype), &class), causal);
            assert_eq!((found.dtype(), of.dtype()), (dtype, DType::F32));
            assert_eq!((found.dims(), of.dims()), (mixed.dims(), sums.dims()));
            let name = |what: &str| format!("{what} of {class:?} in {dtype:?}");
            hold(&name("values"), &numbers(found), &numbers(mixed), near);
            hold(&name("sums"), &numbers(of), &numbers(sums), near);
            for (what, (found, expected)) in
                ["dq", "dk", "dv"].into_iter().zip(gradients.into_iter().zip(expected))
            {
                assert_eq!((found.dtype(), found.dims()), (dtype, expected.dims()));
                hold(&name(what), &numbers(found), &numbers(expected), near);
            }
        }
    }
}

#[test]
fn gradients_have_the_same_bits_each_time() {
    if left_to_gpus("attention by its own search") {
        return;
    }
    for dtype in types() {
        let class = small()[1];
        let [q, k, v, dy] = operands(&Site::new(dtype), &class);
        let ((mixed, sums), first) = passes([&q, &k, &v, &dy].map(Clone::clone), class.causal);
        let first = first.map(numbers);
        for _ in 0..5 {
            let again = gradients([&q, &k, &v, &mixed, &dy], &sums, class.causal).map(numbers);
            assert!(first == again, "{dtype:?}");
        }
    }
}

#[test]
fn nothing_is_copied_into_another_order() {
    if left_to_gpus("attention by its own search") {
        return;
    }
    let class = small()[0];
    let [q, k, v, dy] = operands(&Site::new(DType::F32), &class);
    // What is searched for is found here.
    let ((mixed, sums), _) = passes([&q, &k, &v, &dy].map(Clone::clone), class.causal);
    let found = launches(|| {
        values([&q, &k, &v], class.causal);
    });
    // How many keys each row sees, and the attention.
    assert_eq!(found.len(), 2, "{found:?}");
    let found = launches(|| {
        gradients([&q, &k, &v, &mixed, &dy], &sums, class.causal);
    });
    // By queries, then by keys.
    assert_eq!(found.len(), 2, "{found:?}");
}
