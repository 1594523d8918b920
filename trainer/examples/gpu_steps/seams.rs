//! Where this program learns of what the crate `model` can do: a new route, tape or way is a row here.

use crate::block::{Forward, on_a_tape, without_tape};
use burn::tensor::Tensor;
use model::backward::{Options, Tape};
use model::layout::AttentionBody;
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

/// One body of attention.
pub struct Body {
    pub name: &'static str,
    /// `None` is what the network itself takes.
    pub body: Option<AttentionBody>,
}

/// Every body of this build that keeps no scores.
pub fn bodies() -> [Body; 2] {
    [
        Body { name: "network", body: None },
        Body { name: "chunked", body: Some(AttentionBody::Chunked) },
    ]
}

/// One way to differentiate a block.
pub struct Way {
    pub name: &'static str,
    /// Its forward pass, which returns the output, and the backward pass with what that needs.
    pub forward: Forward,
}

/// Every way of this build.
pub fn ways() -> [Way; 2] {
    [Way { name: "tape", forward: on_a_tape }, Way { name: "without tape", forward: without_tape }]
}

/// How [`model::backward`] takes gradients: its name, and what it is told.
pub type Taking = (&'static str, Options);

/// As training does.
pub fn needed() -> Taking {
    ("needed", Options { tape: Tape::Needed, ..Options::default() })
}

/// Always on a tape, which keeps all scores of attention.
pub fn always() -> Taking {
    ("always", Options { tape: Tape::Always, ..Options::default() })
}
