//! Rows that are added where they belong: the gradient of the embedding, and of the states that the loss
//! looks at.
//!
//! The host knows where each row goes, by token or by position: it sorts them, and a cube adds up those of
//! one token for a slice of the columns. Rows of tokens that do not occur are not touched, and nothing is
//! added atomically.

use super::given::{given, given_numbers};
use super::team::{ACROSS, LANES, addresses, cubes_for, lanes_sum, rows_of, vector_size};
use super::{Kernels, primitive};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::{self, Tensor, TensorData};
use burn_cubecl::Cube;
use burn_cubecl::cubecl;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// See [`crate::ops::add_rows`]; gives `sum` back where it does not lie on a GPU.
pub(crate) fn add_rows(
    sum: Tensor<2>,
    at: &[i32],
    rows: &Tensor<2>,
) -> Result<Tensor<2>, Tensor<2>> {
    let Some(gradient) = primitive(rows).filter(|_| !sum.is_autodiff()) else {
        return Err(sum);
    };
    let Plan { tokens, numbers } = plan(at);
    let length = numbers.len();
    let plan = TensorData::new(numbers, [length]);
    let plan = Tensor::<1, tensor::Int>::from_data(plan, &rows.device());
    let sum = <Cube as Kernels>::add_rows(given(sum), gradient, given_numbers(plan), tokens);
    Ok(Tensor::from_primitive::<Cube>(sum))
}

/// Which positions each token has.
struct Plan {
    /// Distinct tokens.
    tokens: usize,
    /// The tokens; where the positions of each begin, and where the last end; the positions.
    numbers: Vec<i32>,
}

fn plan(ids: &[i32]) -> Plan {
    let mut positions: Vec<i32> = (0..ids.len() as i32).collect();
    // Stable: a token's positions stay in order.
    positions.sort_by_key(|position| ids[*position as usize]);
    let (mut distinct, mut starts) = (Vec::new(), Vec::new());
    for (i, position) in positions.iter().enumerate() {
        let id = ids[*position as usize];
        if distinct.last() != Some(&id) {
            distinct.push(id);
            starts.push(i as i32);
        }
    }
    starts.push(ids.len() as i32);
    let tokens = distinct.len();
    Plan { tokens, numbers: [distinct, starts, positions].concat() }
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn add_rows_kernel<S: Float, T: Float, I: Int, N: Size>(
    sum: &mut [Vector<S, N>],
    gradient: &[Vector<T, N>],
    plan: &[I],
    tokens: usize,
    vectors: usize,
    #[define(S, T, I)] _dtypes: [ElemType; 3],
) {
    let unit = UNIT_POS as usize;
    let column = CUBE_POS_X as usize * ACROSS + unit % ACROSS;
    let mut token = CUBE_POS_Y as usize;
    while token < tokens {
        let mut own = Vector::<f32, N>::new(0.0);
        if column < vectors {
            let end = usize::cast_from(plan[tokens + token + 1]);
            let mut i = usize::cast_from(plan[tokens + token]) + unit / ACROSS;
            while i < end {
                let position = usize::cast_from(plan[2 * tokens + 1 + i]);
                own += Vector::<f32, N>::cast_from(gradient[position * vectors + column]);
                i += LANES;
            }
        }
        let all = lanes_sum::<N>(own);
        if unit < ACROSS && column < vectors {
            let at = usize::cast_from(plan[token]) * vectors + column;
            sum[at] = Vector::cast_from(Vector::<f32, N>::cast_from(sum[at]) + all);
        }
        token += CUBE_COUNT_Y as usize;
    }
}

/// See [`crate::ops::add_rows`].
pub(super) fn add(
    sum: CubeTensor,
    gradient: CubeTensor,
    plan: CubeTensor,
    tokens: usize,
) -> CubeTensor {
    let sum = into_contiguous(sum);
    let sum = if sum.can_mut() { sum } else { sum.copy() };
    let (gradient, plan) = (into_contiguous(gradient), into_contiguous(plan));
    let (_, columns) = rows_of(&sum);
    let size = vector_size(columns, &[&sum, &gradient]);
    let vectors = columns / size;
    // SAFETY: a unit reads columns below `vectors`, of positions below the rows of `gradient`, and writes
    // them to ids below the rows of `sum`; a token has one cube for each slice of columns.
    unsafe {
        add_rows_kernel::launch_unchecked(
            &sum.client,
            CubeCount::new_2d(vectors.div_ceil(ACROSS) as u32, cubes_for(tokens)),
            CubeDim::new_1d((ACROSS * LANES) as u32),
            addresses(&[&sum, &gradient, &plan]),
            size,
            sum.clone().into_buffer_arg(),
            gradient.clone().into_buffer_arg(),
            plan.clone().into_buffer_arg(),
            tokens,
            vectors,
            [sum.dtype, gradient.dtype, plan.dtype].map(dtype_to_storage_type),
        );
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_sorted_by_token_and_keep_their_order() {
        let Plan { tokens, numbers } = plan(&[7, 3, 7, 9, 3, 7]);
        assert_eq!(tokens, 3);
        assert_eq!(numbers, [3, 7, 9, 0, 2, 5, 6, 1, 4, 0, 2, 5, 3]);
    }

    #[test]
    fn no_ids_have_no_tokens() {
        let Plan { tokens, numbers } = plan(&[]);
        assert_eq!((tokens, numbers), (0, vec![0]));
    }
}
