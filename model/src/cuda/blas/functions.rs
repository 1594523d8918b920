//! The functions of `cublasLt.h` that are called, and what they answer.

use super::Shared;
use crate::cuda::{CudaError, Library};
use std::ffi::{CStr, c_char, c_int, c_void};

pub(super) type Status = c_int;
pub(super) type Handle = *mut c_void;

/// `CUBLAS_STATUS_NOT_SUPPORTED`: there is no algorithm for a product.
pub(super) const NOT_SUPPORTED: Status = 15;

/// `cublasLtMatmulHeuristicResult_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    pub algorithm: [u64; 8],
    pub workspace: usize,
    pub state: Status,
    pub waves: f32,
    pub reserved: [c_int; 4],
}

macro_rules! functions {
    ($($field:ident = $name:literal: fn($($argument:ty),*) -> $result:ty;)*) => {
        pub(super) struct Functions {
            $(pub $field: unsafe extern "C" fn($($argument),*) -> $result,)*
        }

        impl Functions {
            pub fn of(library: &Library) -> Result<Self, CudaError> {
                // SAFETY: the types are those of `cublasLt.h`; the pointers live beside the library.
                Ok(Self { $($field: unsafe { library.pointer($name)? },)* })
            }
        }
    };
}

functions! {
    create = "cublasLtCreate": fn(*mut Handle) -> Status;
    destroy = "cublasLtDestroy": fn(Handle) -> Status;
    version = "cublasLtGetVersion": fn() -> usize;
    status_string = "cublasLtGetStatusString": fn(Status) -> *const c_char;
    descriptor_create = "cublasLtMatmulDescCreate": fn(*mut Handle, c_int, c_int) -> Status;
    descriptor_destroy = "cublasLtMatmulDescDestroy": fn(Handle) -> Status;
    descriptor_set = "cublasLtMatmulDescSetAttribute":
        fn(Handle, c_int, *const c_void, usize) -> Status;
    layout_create = "cublasLtMatrixLayoutCreate": fn(*mut Handle, c_int, u64, u64, i64) -> Status;
    layout_destroy = "cublasLtMatrixLayoutDestroy": fn(Handle) -> Status;
    layout_set = "cublasLtMatrixLayoutSetAttribute":
        fn(Handle, c_int, *const c_void, usize) -> Status;
    preference_create = "cublasLtMatmulPreferenceCreate": fn(*mut Handle) -> Status;
    preference_destroy = "cublasLtMatmulPreferenceDestroy": fn(Handle) -> Status;
    preference_set = "cublasLtMatmulPreferenceSetAttribute":
        fn(Handle, c_int, *const c_void, usize) -> Status;
    heuristic = "cublasLtMatmulAlgoGetHeuristic":
        fn(Handle, Handle, Handle, Handle, Handle, Handle, Handle, c_int, *mut Found, *mut c_int) -> Status;
    check = "cublasLtMatmulAlgoCheck":
        fn(Handle, Handle, Handle, Handle, Handle, Handle, *const u64, *mut Found) -> Status;
    matmul = "cublasLtMatmul":
        fn(
            Handle, Handle, *const c_void, *const c_void, Handle, *const c_void, Handle, *const c_void,
            *const c_void, Handle, *mut c_void, Handle, *const u64, *mut c_void, usize, Handle
        ) -> Status;
}

impl Shared {
    pub(super) fn check(&self, call: &'static str, status: Status) -> Result<(), CudaError> {
        if status == 0 {
            return Ok(());
        }
        let text = unsafe { (self.functions.status_string)(status) };
        let reason = match text.is_null() {
            true => "unknown to the library".to_owned(),
            // SAFETY: a constant of the library's own.
            false => unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned(),
        };
        Err(CudaError::Call { call, code: status, reason })
    }
}
