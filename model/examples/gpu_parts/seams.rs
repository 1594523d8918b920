//! Where this program learns of what the crate `model` can do: a new route, tape or way is a row here.

use crate::block::{Backward, Pass, on_a_tape};
use burn::tensor::Tensor;
use model::backward::{Options, Tape};
use model::ops::{self, Transposed};

/// How a matrix is multiplied with a weight `[out, in]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// `x Wᵀ`.
    Forward,
    /// `dy W`.
    Input,
    /// `dyᵀ x`.
    Weight,
}

/// One way to compute products.
pub struct Route {
    pub name: &'static str,
    /// The product of two matrices in this direction, where the route has one: x or dy first, then the
    /// weight or x.
    pub product: fn(Tensor<2>, Tensor<2>, Direction) -> Option<Tensor<2>>,
}

/// Every route of this build.
pub fn routes() -> Vec<Route> {
    vec![
        // What the network itself calls, by the way that was measured fastest or `KNOWCODER_GEMM` names.
        Route { name: "network", product: |a, b, direction| Some(network(a, b, direction)) },
        // The tensor library's own.
        Route { name: "burn", product: |a, b, direction| Some(plain(a, b, direction)) },
    ]
}

fn network(a: Tensor<2>, b: Tensor<2>, direction: Direction) -> Tensor<2> {
    let transposed = match direction {
        Direction::Forward => Transposed::Second,
        Direction::Input => Transposed::Neither,
        Direction::Weight => Transposed::First,
    };
    ops::product(a, b, transposed)
}

fn plain(a: Tensor<2>, b: Tensor<2>, direction: Direction) -> Tensor<2> {
    match direction {
        Direction::Forward => a.matmul(b.transpose()),
        Direction::Input => a.matmul(b),
        Direction::Weight => a.transpose().matmul(b),
    }
}

/// One way to differentiate a block.
pub struct Way {
    pub name: &'static str,
    /// Its forward pass, which returns the backward pass with what that needs.
    pub forward: fn(&Pass) -> Backward,
}

/// Every way of this build.
pub fn ways() -> Vec<Way> {
    vec![Way { name: "tape", forward: on_a_tape }]
}

/// Every way in which [`model::backward`] takes gradients: its name, and what it is told.
pub fn tapes() -> Vec<(&'static str, Options)> {
    let with = |tape| Options { tape, ..Options::default() };
    vec![("always", with(Tape::Always)), ("where needed", with(Tape::Needed))]
}
