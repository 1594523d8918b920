//! What was measured before is done again: a choice from the file goes by its algorithm, or by the
//! heuristic's best where that one does not fit the very shape.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used)]

mod fake_cuda;

use burn::tensor::{DType, Device, Tensor, TensorData};
use half::bf16;
use model::ops::{Transposed, product};

/// An algorithm of `fakes/cublaslt.c`, as it is written down.
fn algorithm(number: u8) -> String {
    format!("{number:016x}{}{:016x}", "0".repeat(96), 0xabcdef)
}

/// The file with a choice for each `m × 4 × 32` with the second operand transposed.
fn kept(choices: &[(usize, String)]) -> String {
    let choice = |(m, algorithm): &(usize, String)| {
        format!(
            r#"{{"shape": {{"m": {m}, "n": 4, "k": 32, "batch": 1, "layout": "ab'", "output": "bf16", "adds": false}},
                "route": "cublaslt", "algorithm": "{algorithm}", "timings": []}}"#
        )
    };
    let choices: Vec<String> = choices.iter().map(choice).collect();
    format!(
        r#"{{"format": 1, "machines": [{{"gpu": "NVIDIA H200", "driver": "13.0", "cublaslt": 130100,
            "knowcoder": "{}", "choices": [{}]}}]}}"#,
        env!("CARGO_PKG_VERSION"),
        choices.join(", ")
    )
}

#[test]
fn products_go_the_ways_that_were_kept() {
    // Of 12 rows or fewer by the fourth algorithm, of up to 16 by one that nobody knows any more.
    let fake = fake_cuda::begin(
        "auto",
        &kept(&[(12, algorithm(4)), (16, "0".repeat(128)), (24, algorithm(1))]),
    );
    let device = Device::cuda(0);
    let filled = |value: bf16, dims: [usize; 2]| -> Tensor<2> {
        let values = vec![value; dims[0] * dims[1]];
        Tensor::from_data(TensorData::new(values, dims), (&device, DType::BF16))
    };
    let ones = |dims| filled(bf16::ONE, dims);
    for rows in [5, 12, 7, 5, 13, 20] {
        let result = product(ones([rows, 32]), ones([4, 32]), Transposed::Second);
        assert!(result.into_data().iter::<f32>().all(|value| value == 32.0));
    }
    // An adapter that has not learned yet goes the way of one that has.
    let result = product(ones([12, 32]), filled(bf16::ZERO, [4, 32]), Transposed::Second);
    assert!(result.into_data().iter::<f32>().all(|value| value == 0.0));
    // Nothing was measured: that would have launched the tensor library's kernels.
    assert_eq!(fake.count("fake_launches"), 0);
    let asked = fake.products();
    let numbers: Vec<&str> = asked.iter().map(|line| &line[18..19]).collect();
    assert_eq!(numbers, ["4", "4", "4", "4", "1", "1", "4"], "{asked:#?}");
}
