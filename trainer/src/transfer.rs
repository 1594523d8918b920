//! Numbers from tensors into memory and back.
//!
//! On a GPU each read waits for all that was asked for before: a step does few of them, which tests count.

use burn::tensor::{Device, Element, Tensor, TensorData};
#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static READ: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// The values of a tensor, in memory.
pub(crate) fn host<E: Element>(tensor: Tensor<1>) -> Vec<E> {
    #[cfg(test)]
    READ.with(|read| {
        let (reads, values) = read.get();
        read.set((reads + 1, values + tensor.dims()[0]));
    });
    match tensor.into_data().convert::<E>().try_into_vec::<E>() {
        Ok(values) => values,
        Err(error) => unreachable!("converted to {:?} just before: {error:?}", E::dtype()),
    }
}

/// A tensor of these values.
pub(crate) fn upload<E: Element>(values: Vec<E>, device: &Device) -> Tensor<1> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), (device, E::dtype()))
}

/// How often this thread has read a tensor, and how many values in all.
#[cfg(test)]
pub(crate) fn read() -> (usize, usize) {
    READ.with(Cell::get)
}
