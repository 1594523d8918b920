//! From one float type to another.

use burn::tensor::{DType, Tensor};

/// `t` in `dtype`; nothing is done where it is so already.
pub fn cast<const D: usize>(t: Tensor<D>, dtype: DType) -> Tensor<D> {
    if t.dtype() == dtype { t } else { t.cast(dtype) }
}
