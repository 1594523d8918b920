//! Where this program learns of what the crate `model` can do: a new route, tape or way is a row here.

use crate::block::{Backward, Pass, on_a_tape, without_tape};
use burn::tensor::Tensor;
use model::backward::{Options, Tape};
use model::ops::{Transposed, product};

/// One way to compute products.
pub struct Route {
    pub name: &'static str,
    pub product: fn(Tensor<2>, Tensor<2>, Transposed) -> Tensor<2>,
}

/// Every route of this build.
pub fn routes() -> [Route; 2] {
    // What the network itself calls, whatever stands behind it (the environment may say what), and the
    // tensor library's own.
    [Route { name: "network", product }, Route { name: "burn", product: plain }]
}

fn plain(a: Tensor<2>, b: Tensor<2>, transposed: Transposed) -> Tensor<2> {
    match transposed {
        Transposed::Neither => a.matmul(b),
        Transposed::First => a.transpose().matmul(b),
        Transposed::Second => a.matmul(b.transpose()),
    }
}

/// One way to differentiate a block.
pub struct Way {
    pub name: &'static str,
    /// Its forward pass, which returns the backward pass with what that needs.
    pub forward: fn(&Pass) -> Backward,
}

/// Every way of this build.
pub fn ways() -> [Way; 2] {
    [Way { name: "tape", forward: on_a_tape }, Way { name: "without tape", forward: without_tape }]
}

/// Every way in which [`model::backward`] takes gradients: its name, and what it is told.
pub fn tapes() -> [(&'static str, Options); 2] {
    let of = |tape| Options { tape, ..Options::default() };
    [("needed", of(Tape::Needed)), ("always", of(Tape::Always))]
}
