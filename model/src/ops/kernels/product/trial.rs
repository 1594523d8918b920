//! A product that is computed in every way, to find out which ones are right and which one is fastest.

use super::{Product, Way, row_by_row};
use crate::cuda::blas::Algorithm;
use crate::cuda::routes::{Bench, Route, same};
use burn::tensor::DType;
use burn_cubecl::cubecl::future::block_on;
use burn_cubecl::cubecl::server::CopyDescriptor;
use burn_cubecl::tensor::CubeTensor;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Numbers of the first and the last rows that two results are compared by.
const SAMPLE: usize = 1 << 16;

/// Time that a way is measured for, at least; and its products, at most.
const MEASURED_MICROSECONDS: f64 = 3000.0;
const MEASURED_PRODUCTS: f64 = 20.0;

/// The trial. What the product is added to is not written over: the product itself still refers to it.
pub(super) struct Trial {
    product: Product,
    /// Operands that have made-up numbers.
    made_up: usize,
}

impl Trial {
    pub(super) fn of(product: &Product) -> Self {
        Self { product: product.clone(), made_up: 0 }
    }

    fn wait(&self) -> Result<(), String> {
        block_on(self.product.a.client.sync()).map_err(|error| error.to_string())
    }

    fn timed(&self, route: &Route, times: usize) -> Result<f64, String> {
        let start = Instant::now();
        for _ in 0..times {
            run(&self.product, route)?;
        }
        self.wait()?;
        Ok(start.elapsed().as_secs_f64() * 1e6 / times as f64)
    }
}

impl Bench for Trial {
    /// cuBLASLt comes first: of all ways it is the one that most have tried.
    fn routes(&mut self) -> Vec<Route> {
        let cublaslt = |algorithm: Algorithm| Route::CublasLt { algorithm: algorithm.to_string() };
        let tiles = self.product.gpu.tiles.map(|_| Route::Tiles);
        let of_library = self.product.algorithms().into_iter().map(cublaslt);
        of_library.chain([Route::Burn]).chain(tiles).collect()
    }

    /// Of a sum, the product is what is looked at: where it is small, two sums are the same whatever was added.
    fn sample(&mut self, route: &Route) -> Result<Vec<f32>, String> {
        let alone = Product { sum: None, ..self.product.clone() };
        let product = numbers(&run(&alone, route)?)?;
        if let Some((sum, scale)) = self.product.sum.clone() {
            let before = numbers(&row_by_row(sum))?;
            let sums = before.iter().zip(&product).map(|(a, b)| a + scale as f32 * b);
            let expected: Vec<f32> = sums.collect();
            let found = numbers(&run(&self.product, route)?)?;
            same(&found, &expected).map_err(|why| format!("adds otherwise: {why}"))?;
        }
        Ok(product)
    }

    /// The smaller operand first, as it is an adapter's: often that is enough.
    fn make_up(&mut self) -> bool {
        let Product { a, b, .. } = &mut self.product;
        let (smaller, larger) = if room(a) <= room(b) { (a, b) } else { (b, a) };
        let operand = match self.made_up {
            0 => smaller,
            1 => larger,
            _ => return false,
        };
        *operand = made_up(operand, self.made_up as u64);
        self.made_up += 1;
        true
    }

    fn microseconds(&mut self, route: &Route) -> Result<f64, String> {
        // The first one loads the kernel, and the tensor library tunes its own.
        self.timed(route, 1)?;
        let once = self.timed(route, 1)?;
        let times = (MEASURED_MICROSECONDS / once.max(1.0)).clamp(2.0, MEASURED_PRODUCTS);
        self.timed(route, times as usize)
    }
}

/// The product in one way; a way that panics only fails.
fn run(product: &Product, route: &Route) -> Result<CubeTensor, String> {
    let launched = catch_unwind(AssertUnwindSafe(|| launched(product, route)));
    launched.unwrap_or_else(|panic| Err(format!("panicked: {}", text(&*panic))))
}

fn launched(product: &Product, route: &Route) -> Result<CubeTensor, String> {
    let refused = || Err(format!("{route} does not take such operands"));
    let Some(problem) = product.problem() else { return refused() };
    let product = product.clone();
    match (product.way_of(&problem, route), route) {
        (Way::Burn, Route::Burn) => product.burned(),
        (Way::Tiles, _) => product.by_tiles().or_else(|_| refused()),
        (Way::CublasLt(plan, algorithm), _) => Ok(product.by_cublaslt(plan, algorithm)),
        (Way::Burn, _) => refused(),
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Some of the numbers of a tensor that lies row after row.
fn numbers(tensor: &CubeTensor) -> Result<Vec<f32>, String> {
    let rank = tensor.meta.num_dims();
    let [rows, columns] = [tensor.meta.shape()[rank - 2], tensor.meta.shape()[rank - 1]];
    let count = (SAMPLE / columns.max(1)).clamp(1, rows);
    let mut sample = Vec::new();
    for first in [0, rows - count] {
        let offset = (first * tensor.meta.strides()[rank - 2] * tensor.dtype.size()) as u64;
        let strides: Vec<usize> = tensor.meta.strides()[rank - 2..].to_vec();
        let copy = CopyDescriptor::new(
            tensor.handle.clone().offset_start(offset).binding(),
            vec![count, columns].into(),
            strides.into(),
            tensor.dtype.size(),
        );
        let bytes = tensor.client.read_tensor(vec![copy]).map_err(|error| error.to_string())?;
        sample.extend(bytes.iter().flat_map(|bytes| decoded(bytes, tensor.dtype)));
    }
    Ok(sample)
}

fn decoded(bytes: &[u8], dtype: DType) -> Vec<f32> {
    match dtype {
        DType::F32 => {
            bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
        }
        _ => {
            let bf16 = |two: &[u8; 2]| half::bf16::from_le_bytes(*two).to_f32();
            bytes.as_chunks::<2>().0.iter().map(bf16).collect()
        }
    }
}

/// Numbers from the first one of a tensor to its last.
fn room(tensor: &CubeTensor) -> usize {
    let (shape, strides) = (tensor.meta.shape(), tensor.meta.strides());
    1 + (0..tensor.meta.num_dims()).map(|i| (shape[i] - 1) * strides[i]).sum::<usize>()
}

/// A tensor in bf16 that lies like `tensor`, with numbers between -1 and 1. They come from the host: a device's
/// own random numbers are drawn from one sequence, and others count on theirs.
fn made_up(tensor: &CubeTensor, seed: u64) -> CubeTensor {
    let bytes: Vec<u8> = (0..room(tensor) as u64)
        .flat_map(|index| half::bf16::from_f32(noise(seed, index)).to_le_bytes())
        .collect();
    let mut made_up = tensor.clone();
    made_up.handle = tensor.client.create_from_slice(&bytes);
    made_up
}

/// One of many numbers between -1 and 1 that have nothing to do with each other.
fn noise(seed: u64, index: u64) -> f32 {
    let mut bits = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed.rotate_left(32);
    bits = (bits ^ (bits >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    bits = (bits ^ (bits >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let signed = (bits >> 40) as i32 - (1 << 23);
    signed as f32 / (1 << 23) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_numbers_make_products_that_are_not_zero() {
        let rows = |seed: u64| -> Vec<Vec<f32>> {
            (0..8).map(|row| (0..512).map(|at| noise(seed, row * 512 + at)).collect()).collect()
        };
        let (a, b) = (rows(0), rows(1));
        for (i, x) in a.iter().enumerate() {
            let square: f32 = x.iter().map(|value| value * value).sum();
            // A third each.
            assert!((140.0..200.0).contains(&square), "{i}: {square}");
            for (j, y) in b.iter().enumerate() {
                let product: f32 = x.iter().zip(y).map(|(x, y)| x * y).sum();
                // Independent ones: five deviations of √512 / 3.
                assert!(product != 0.0 && product.abs() < 38.0, "{i}, {j}: {product}");
            }
        }
        assert!(a.iter().flatten().all(|value| (-1.0..1.0).contains(value)));
    }

    #[test]
    fn a_panic_is_a_way_that_fails() {
        let raised = |panic: Box<dyn Any + Send>| text(&*panic).to_owned();
        let panics: [fn(); 3] =
            [|| panic!("no such kernel"), || panic!("no {}", 1), || std::panic::panic_any(1)];
        let found = panics.map(|it| catch_unwind(it).map_err(raised));
        let expected = ["no such kernel", "no 1", "no message"];
        assert_eq!(found, expected.map(|text| Err(text.to_owned())));
    }
}
