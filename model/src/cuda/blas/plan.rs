//! Descriptors of a product, and the algorithms that the library has for it.

use super::functions::{Found, Handle, NOT_SUPPORTED};
use super::problem::{ByColumns, Problem};
use super::{ALGORITHMS, Shared, WORKSPACE};
use crate::cuda::CudaError;
use std::ffi::{c_int, c_void};
use std::fmt;
use std::ptr::null_mut;
use std::sync::Arc;

/// `CUBLAS_COMPUTE_32F`: products of bf16 are exact in it.
const COMPUTE_F32: c_int = 68;
/// `CUDA_R_32F`, the type of the factors.
const SCALE_F32: c_int = 0;
/// `CUBLASLT_MATMUL_DESC_TRANSA`, `..._TRANSB`.
const TRANSPOSE: [c_int; 2] = [3, 4];
/// `CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT`, `..._STRIDED_BATCH_OFFSET`.
const BATCH: c_int = 5;
const APART: c_int = 6;
/// `CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES`.
const MAX_WORKSPACE: c_int = 1;

/// How the library computes a product: opaque, and the same in every process with the same version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithm([u64; 8]);

impl Algorithm {
    /// As [`Display`](fmt::Display) writes it; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = [0; 8];
        if text.len() != 128 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (word, digits) in words.iter_mut().zip(text.as_bytes().chunks(16)) {
            *word = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(words))
    }

    pub(super) fn words(&self) -> *const u64 {
        self.0.as_ptr()
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|word| write!(f, "{word:016x}"))
    }
}

/// A product that the library can be asked for.
#[derive(Debug)]
pub struct Plan {
    shared: Arc<Shared>,
    pub(super) descriptor: Handle,
    pub(super) first: Handle,
    pub(super) second: Handle,
    pub(super) out: Handle,
    algorithms: Vec<Algorithm>,
}

// SAFETY: descriptors are only read once they are made.
unsafe impl Send for Plan {}
// SAFETY: as above.
unsafe impl Sync for Plan {}

impl Plan {
    /// What the heuristic takes for the fastest, best first; empty where the library cannot do it.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    pub(super) fn of(
        shared: &Arc<Shared>,
        handle: Handle,
        problem: &Problem,
    ) -> Result<Self, CudaError> {
        // Made at once so that whatever has been created is given back if a later call fails.
        let mut plan = Self {
            shared: Arc::clone(shared),
            descriptor: null_mut(),
            first: null_mut(),
            second: null_mut(),
            out: null_mut(),
            algorithms: Vec::new(),
        };
        let (first, second) = (problem.first(), problem.second());
        plan.describe([first.transposed, second.transposed])?;
        plan.first = plan.layout(first, problem.batch)?;
        plan.second = plan.layout(second, problem.batch)?;
        plan.out = plan.layout(problem.out(), problem.batch)?;
        plan.algorithms = plan.ask(handle)?;
        Ok(plan)
    }

    fn describe(&mut self, transposed: [bool; 2]) -> Result<(), CudaError> {
        let functions = &self.shared.functions;
        let status =
            unsafe { (functions.descriptor_create)(&mut self.descriptor, COMPUTE_F32, SCALE_F32) };
        self.shared.check("cublasLtMatmulDescCreate", status)?;
        for (attribute, transposed) in TRANSPOSE.into_iter().zip(transposed) {
            // CUBLAS_OP_N and CUBLAS_OP_T
            let value = c_int::from(transposed);
            let status = unsafe {
                (functions.descriptor_set)(
                    self.descriptor,
                    attribute,
                    bytes(&value),
                    size_of_val(&value),
                )
            };
            self.shared.check("cublasLtMatmulDescSetAttribute", status)?;
        }
        Ok(())
    }

    fn layout(&self, matrix: ByColumns, batch: usize) -> Result<Handle, CudaError> {
        let functions = &self.shared.functions;
        let ByColumns { rows, columns, stride, apart, number, .. } = matrix;
        let mut layout = null_mut();
        let status = unsafe {
            (functions.layout_create)(
                &mut layout,
                number.code(),
                rows as u64,
                columns as u64,
                stride as i64,
            )
        };
        self.shared.check("cublasLtMatrixLayoutCreate", status)?;
        if batch != 1 {
            let (batch, apart) = (batch as i32, apart as i64);
            let set = |attribute, value, size| {
                let status = unsafe { (functions.layout_set)(layout, attribute, value, size) };
                self.shared.check("cublasLtMatrixLayoutSetAttribute", status)
            };
            let made = set(BATCH, bytes(&batch), size_of_val(&batch))
                .and_then(|()| set(APART, bytes(&apart), size_of_val(&apart)));
            if let Err(error) = made {
                unsafe { (functions.layout_destroy)(layout) };
                return Err(error);
            }
        }
        Ok(layout)
    }

    fn ask(&self, handle: Handle) -> Result<Vec<Algorithm>, CudaError> {
        let functions = &self.shared.functions;
        let mut preference = null_mut();
        let status = unsafe { (functions.preference_create)(&mut preference) };
        self.shared.check("cublasLtMatmulPreferenceCreate", status)?;
        let workspace = WORKSPACE as u64;
        let mut found = [Found::default(); ALGORITHMS];
        let mut count = 0;
        let set = unsafe {
            (functions.preference_set)(
                preference,
                MAX_WORKSPACE,
                bytes(&workspace),
                size_of_val(&workspace),
            )
        };
        let asked = unsafe {
            (functions.heuristic)(
                handle,
                self.descriptor,
                self.first,
                self.second,
                self.out,
                self.out,
                preference,
                ALGORITHMS as c_int,
                found.as_mut_ptr(),
                &mut count,
            )
        };
        unsafe { (functions.preference_destroy)(preference) };
        self.shared.check("cublasLtMatmulPreferenceSetAttribute", set)?;
        if asked == NOT_SUPPORTED {
            return Ok(Vec::new());
        }
        self.shared.check("cublasLtMatmulAlgoGetHeuristic", asked)?;
        let usable = |found: &&Found| found.state == 0 && found.workspace <= WORKSPACE;
        let count = usize::try_from(count).unwrap_or(0);
        Ok(found
            .iter()
            .take(count)
            .filter(usable)
            .map(|found| Algorithm(found.algorithm))
            .collect())
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        let functions = &self.shared.functions;
        for layout in [self.first, self.second, self.out] {
            if !layout.is_null() {
                unsafe { (functions.layout_destroy)(layout) };
            }
        }
        if !self.descriptor.is_null() {
            unsafe { (functions.descriptor_destroy)(self.descriptor) };
        }
    }
}

fn bytes<T>(value: &T) -> *const c_void {
    (&raw const *value).cast()
}
