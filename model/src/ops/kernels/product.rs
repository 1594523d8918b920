//! Products on CUDA: in which ways they can be computed, which one is taken, and how it is asked for.

mod trial;

use crate::cuda::blas::{Algorithm, Blas, Call, Number, Operand, Plan, Problem};
use crate::cuda::recent::Recent;
use crate::cuda::routes::{Machine, Preference, Route, Routes, Shape, bucket};
use crate::cuda::{Context, CudaError, Driver, queue};
use crate::ops::Transposed;
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, DispatchDevice, backend_extension};
use burn::tensor::{DType, Device, Tensor};
use burn_cubecl::kernel::matmul::{MatmulStrategy, init_matmul_output, matmul};
use burn_cubecl::kernel::{copy_contiguous, into_contiguous};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{Cube, CubeBackend, CubeDevice};
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems};
use cubek::matmul::kernels::{CubeStagedMatmulRoutine, CubeStagedMatmulRoutineSettings};
use cubek::microkernel::matmul::plane::PlaneFragmentTransport;
use cubek::std::routine::Routine;
use cubek::std::{Hardware, InputBinding};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use trial::Trial;

/// Products, as the backend is asked for them.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"))]
pub(crate) trait Products: Backend {
    /// See [`crate::ops::product_in`].
    #[fusion(dtype = *dtype, shape = result_shape(a, b, *transposed))]
    fn product(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        transposed: Transposed,
        dtype: DType,
    ) -> FloatTensor<Self>;

    /// See [`crate::ops::add_product`].
    #[fusion(dtype = sum, shape = sum)]
    fn add_product(
        sum: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        transposed: Transposed,
        scale: f64,
    ) -> FloatTensor<Self>;
}

#[cfg(feature = "fusion")]
fn result_shape(
    a: &burn::tensor::Shape,
    b: &burn::tensor::Shape,
    transposed: Transposed,
) -> burn::tensor::Shape {
    let (mut shape, a, b) = (a.to_vec(), a.to_vec(), b.to_vec());
    let rank = shape.len();
    shape[rank - 2] = a[rank - if transposed == Transposed::First { 1 } else { 2 }];
    shape[rank - 1] = b[rank - if transposed == Transposed::Second { 2 } else { 1 }];
    shape.into()
}

impl Products for CubeBackend {
    fn product(a: CubeTensor, b: CubeTensor, transposed: Transposed, dtype: DType) -> CubeTensor {
        Product::of(a, b, transposed, dtype, None).compute()
    }

    fn add_product(
        sum: CubeTensor,
        a: CubeTensor,
        b: CubeTensor,
        transposed: Transposed,
        scale: f64,
    ) -> CubeTensor {
        let dtype = sum.dtype;
        Product::of(a, b, transposed, dtype, Some((sum, scale))).compute()
    }
}

/// Whether there is a choice for these operands: bf16 on CUDA, without a tape.
pub(crate) fn multiplies<const D: usize>(a: &Tensor<D>, b: &Tensor<D>, result: DType) -> bool {
    let bf16 = a.dtype() == DType::BF16 && b.dtype() == DType::BF16;
    bf16 && matches!(result, DType::BF16 | DType::F32)
        && !a.is_autodiff()
        && !b.is_autodiff()
        && on_cuda(&a.device())
}

/// Whether this is a GPU that CUDA computes on.
pub(crate) fn on_cuda(device: &Device) -> bool {
    matches!(device.as_dispatch(), DispatchDevice::Cube(CubeDevice::Cuda(_)))
}

/// See [`crate::ops::product_in`]; only for what [`multiplies`].
pub(crate) fn product<const D: usize>(
    a: Tensor<D>,
    b: Tensor<D>,
    transposed: Transposed,
    dtype: DType,
) -> Tensor<D> {
    let result = <Cube as Products>::product(owned(a), owned(b), transposed, dtype);
    Tensor::from_primitive::<Cube>(result)
}

/// See [`crate::ops::add_product`]; only for what [`multiplies`].
pub(crate) fn add_product(
    sum: Tensor<2>,
    a: Tensor<2>,
    b: Tensor<2>,
    transposed: Transposed,
    scale: f64,
) -> Tensor<2> {
    let result = <Cube as Products>::add_product(owned(sum), owned(a), owned(b), transposed, scale);
    Tensor::from_primitive::<Cube>(result)
}

fn owned<const D: usize>(tensor: Tensor<D>) -> FloatTensor<Cube> {
    match tensor.try_into_primitive::<Cube>() {
        Ok(primitive) => primitive,
        Err(error) => unreachable!("a tensor on CUDA belongs to another backend: {error:?}"),
    }
}

/// See [`crate::ops::product_routes`].
pub(crate) fn product_routes() -> String {
    let mut gpus: Vec<_> = locked(&GPUS).values().cloned().collect();
    gpus.sort_by_key(|gpu| gpu.ordinal);
    gpus.iter().map(|gpu| gpu.to_string()).collect()
}

/// See [`crate::ops::last_product_way`].
pub(crate) fn last_product_way() -> Option<&'static str> {
    WAY_NAMES.get(LAST_WAY.load(Ordering::Relaxed)).copied()
}

/// Names of ways; what is no place in it is none yet.
const WAY_NAMES: [&str; 3] = ["burn", "tiles", "cublaslt"];

static LAST_WAY: AtomicUsize = AtomicUsize::new(WAY_NAMES.len());

/// What a GPU has for products.
struct Gpu {
    ordinal: usize,
    library: Result<(Context, Blas), CudaError>,
    tiles: Option<CubeStagedMatmulRoutineSettings>,
    preference: Preference,
    routes: Mutex<Routes>,
    /// By the shape and whether the product is added to something.
    ways: Mutex<Recent<(Problem, bool), Way>>,
}

static GPUS: LazyLock<Mutex<HashMap<usize, Arc<Gpu>>>> = LazyLock::new(Mutex::default);

impl Gpu {
    fn of(tensor: &CubeTensor) -> Arc<Self> {
        let ordinal = usize::from(tensor.client.service_id().device.index_id);
        let mut gpus = locked(&GPUS);
        Arc::clone(gpus.entry(ordinal).or_insert_with(|| Arc::new(Self::opened(ordinal, tensor))))
    }

    fn opened(ordinal: usize, tensor: &CubeTensor) -> Self {
        let preference = Preference::from_environment().unwrap_or_else(|error| {
            eprintln!("{error}; the fastest way is taken");
            Preference::Auto
        });
        let mut machine =
            Machine { knowcoder: env!("CARGO_PKG_VERSION").to_owned(), ..Machine::default() };
        let library = Driver::load().and_then(|driver| {
            let (major, minor) = driver.version()?;
            machine.driver = format!("{major}.{minor}");
            let device = driver.devices()?.into_iter().nth(ordinal);
            machine.gpu = device.map(|device| device.name).unwrap_or_default();
            let context = driver.context(ordinal)?;
            let blas = Blas::load(&context)?;
            machine.cublaslt = blas.version();
            Ok((context, blas))
        });
        let hardware = Hardware::from_client(&tensor.client);
        let wgmma = |settings: &CubeStagedMatmulRoutineSettings| {
            settings.microkernel.plane.transport == PlaneFragmentTransport::Wgmma
        };
        Self {
            ordinal,
            library,
            tiles: CubeStagedMatmulRoutine.settings(&hardware).into_iter().find(wgmma),
            preference,
            routes: Mutex::new(Routes::open(Routes::default_file(), machine)),
            ways: Mutex::new(Recent::new(WAYS)),
        }
    }
}

impl std::fmt::Display for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GPU {}: {}", self.ordinal, locked(&self.routes))?;
        match &self.library {
            Ok((_, blas)) => writeln!(f, "cuBLASLt is {}", blas.path().display()),
            Err(error) => writeln!(f, "without cuBLASLt: {error}"),
        }
    }
}

/// How one shape is computed, found out once.
#[derive(Clone)]
enum Way {
    Burn,
    Tiles,
    CublasLt(Arc<Plan>, Algorithm),
}

/// Shapes whose ways are remembered: batches of any length make ever new ones.
const WAYS: usize = 4096;

/// One product.
#[derive(Clone)]
struct Product {
    gpu: Arc<Gpu>,
    a: CubeTensor,
    b: CubeTensor,
    transposed: Transposed,
    dtype: DType,
    /// What it is added to, and its own factor.
    sum: Option<(CubeTensor, f64)>,
}

impl Product {
    fn of(
        a: CubeTensor,
        b: CubeTensor,
        transposed: Transposed,
        dtype: DType,
        sum: Option<(CubeTensor, f64)>,
    ) -> Self {
        Self { gpu: Gpu::of(&a), a: plainly(a), b: plainly(b), transposed, dtype, sum }
    }

    fn compute(self) -> CubeTensor {
        let (product, taken) = match self.way() {
            Way::Burn => (self.by_burn(), 0),
            // Kernels may refuse operands that lie otherwise than those that were measured.
            Way::Tiles => match self.by_tiles() {
                Ok(product) => (product, 1),
                Err(product) => (product.by_burn(), 0),
            },
            Way::CublasLt(plan, algorithm) => (self.by_cublaslt(plan, algorithm), 2),
        };
        LAST_WAY.store(taken, Ordering::Relaxed);
        product
    }

    /// `[m, n, k]`, and how many such products.
    fn extents(&self) -> ([usize; 3], usize) {
        let (a, b) = (self.a.meta.shape(), self.b.meta.shape());
        let rank = self.a.meta.num_dims();
        let (first, second) =
            (self.transposed == Transposed::First, self.transposed == Transposed::Second);
        let [m, k] = if first { [a[rank - 1], a[rank - 2]] } else { [a[rank - 2], a[rank - 1]] };
        let n = if second { b[rank - 2] } else { b[rank - 1] };
        ([m, n, k], if rank == 3 { a[0] } else { 1 })
    }

    fn way(&self) -> Way {
        let Some(problem) = self.problem() else { return Way::Burn };
        let key = (problem, self.sum.is_some());
        if let Some(way) = locked(&self.gpu.ways).get(&key) {
            return way;
        }
        let Some(route) = self.route() else {
            // Not found out yet, and to be asked again.
            return self.way_of(&key.0, &Route::CublasLt { algorithm: String::new() });
        };
        let way = self.way_of(&key.0, &route);
        locked(&self.gpu.ways).insert(key, way.clone());
        way
    }

    fn route(&self) -> Option<Route> {
        let ([m, n, k], batch) = self.extents();
        match self.gpu.preference {
            Preference::Burn => return Some(Route::Burn),
            Preference::Tiles => return Some(Route::Tiles),
            // No algorithm by that name: the heuristic's best is taken.
            Preference::CublasLt => return Some(Route::CublasLt { algorithm: String::new() }),
            Preference::Auto => {}
        }
        // Tokens are what varies from batch to batch.
        let ([m, k], layout) = match self.transposed {
            Transposed::Neither => ([bucket(m), k], "ab"),
            Transposed::First => ([m, bucket(k)], "a'b"),
            Transposed::Second => ([bucket(m), k], "ab'"),
        };
        let output = if self.dtype == DType::F32 { "f32" } else { "bf16" }.to_owned();
        let layout = layout.to_owned();
        let shape = Shape { m, n, k, batch, layout, output, adds: self.sum.is_some() };
        locked(&self.gpu.routes).choose(&shape, &mut Trial::of(self))
    }

    /// The algorithm that was measured, or the heuristic's best where that one does not fit this shape.
    fn way_of(&self, problem: &Problem, route: &Route) -> Way {
        let algorithm = match route {
            Route::Burn => return Way::Burn,
            Route::Tiles => return Way::Tiles,
            Route::CublasLt { algorithm } => Algorithm::parse(algorithm),
        };
        let Ok((_, blas)) = &self.gpu.library else { return Way::Burn };
        let Ok(plan) = blas.plan(problem) else { return Way::Burn };
        let measured = algorithm.filter(|algorithm| blas.accepts(&plan, algorithm));
        match measured.or_else(|| plan.algorithms().first().copied()) {
            Some(algorithm) => Way::CublasLt(plan, algorithm),
            None => Way::Burn,
        }
    }

    /// Both operands as the tensor library multiplies them.
    fn operands(&self) -> (CubeTensor, CubeTensor) {
        let (mut a, mut b) = (self.a.clone(), self.b.clone());
        let rank = a.meta.num_dims();
        match self.transposed {
            Transposed::Neither => {}
            Transposed::First => a.meta.swap(rank - 2, rank - 1),
            Transposed::Second => b.meta.swap(rank - 2, rank - 1),
        }
        (a, b)
    }

    fn by_burn(self) -> CubeTensor {
        match self.burned() {
            Ok(product) => product,
            Err(error) => panic!("{error}"),
        }
    }

    /// The same, where there may be another way.
    fn burned(self) -> Result<CubeTensor, String> {
        let (a, b) = self.operands();
        match matmul(a, b, None, MatmulStrategy::default(), self.dtype) {
            Ok(product) => Ok(self.added(product)),
            Err(error) => Err(format!("the tensor library cannot multiply: {error:?}")),
        }
    }

    /// The result, or the product again where the kernel does not take its operands.
    fn by_tiles(self) -> Result<CubeTensor, Box<Self>> {
        let Some(settings) = self.gpu.tiles else { return Err(Box::new(self)) };
        let (a, b) = self.operands();
        let out = init_matmul_output(&a, &b, self.dtype);
        let [input, output] = [a.dtype, self.dtype].map(dtype_to_storage_type);
        let elements = MatmulGlobalElems { lhs: input, rhs: input, out: output };
        let launched = cubek::matmul::launch::launch_ref(
            &cubek::matmul::tiled::Strategy::Cmma(settings).into(),
            &a.client.clone(),
            InputBinding::new(a.binding(), input),
            InputBinding::new(b.binding(), input),
            out.clone().binding(),
            &mut MatmulElems::from_globals(&elements),
        );
        if launched.is_err() { Err(Box::new(self)) } else { Ok(self.added(out)) }
    }

    fn added(self, product: CubeTensor) -> CubeTensor {
        match self.sum {
            None => product,
            Some((sum, 1.0)) => CubeBackend::float_add(sum, product),
            Some((sum, scale)) => {
                CubeBackend::float_add(sum, CubeBackend::float_mul_scalar(product, scale.into()))
            }
        }
    }

    fn by_cublaslt(mut self, plan: Arc<Plan>, algorithm: Algorithm) -> CubeTensor {
        let (sum, scale) = match self.sum.take() {
            Some((sum, scale)) => (Some(row_by_row(sum)), scale),
            None => (None, 1.0),
        };
        let out = match &sum {
            Some(sum) if sum.can_mut() => sum.clone(),
            _ => self.result(),
        };
        let gpu = Arc::clone(&self.gpu);
        let Ok((context, _)) = &gpu.library else { unreachable!("planned without the library") };
        let keep = if sum.is_some() { 1.0 } else { 0.0 };
        // Without a sum its place is not read; it must only be one.
        let adds_to = sum.unwrap_or_else(|| out.clone());
        let reads = match keep {
            0.0 => vec![self.a.handle, self.b.handle],
            _ => vec![self.a.handle, self.b.handle, adds_to.handle],
        };
        let client = self.a.client.clone();
        let library = Arc::clone(&gpu);
        queue::enqueue(&client, context, reads, out.handle.clone(), move |place| {
            let Ok((_, blas)) = &library.library else { return Ok(()) };
            let at = |index: usize| place.addresses[index];
            let d = at(place.addresses.len() - 1);
            let c = if keep == 0.0 { d } else { at(2) };
            let call = Call { a: at(0), b: at(1), c, d, scale: scale as f32, keep };
            // SAFETY: the plan was made for these tensors, which the queue holds until then.
            unsafe { blas.run(&plan, &algorithm, call, place.stream) }
        });
        out
    }

    /// Memory for the result, row after row.
    fn result(&self) -> CubeTensor {
        let ([m, n, _], batch) = self.extents();
        let shape = if self.a.meta.num_dims() == 3 { vec![batch, m, n] } else { vec![m, n] };
        burn_cubecl::ops::numeric::empty_device_contiguous_dtype(
            self.a.client.clone(),
            self.a.device.clone(),
            shape.into(),
            self.dtype,
        )
    }

    /// The heuristic's algorithms, best first.
    fn algorithms(&self) -> Vec<Algorithm> {
        let Ok((_, blas)) = &self.gpu.library else { return Vec::new() };
        let plan = self.problem().and_then(|problem| blas.plan(&problem).ok());
        plan.map(|plan| plan.algorithms().to_vec()).unwrap_or_default()
    }

    /// `None` where there is nothing to compute, or where operands do not begin where the library's fastest
    /// algorithms want them to.
    fn problem(&self) -> Option<Problem> {
        let ([m, n, k], batch) = self.extents();
        if m * n * k * batch == 0 {
            return None;
        }
        let output = if self.dtype == DType::F32 { Number::F32 } else { Number::Bf16 };
        Some(Problem {
            m,
            n,
            k,
            batch,
            a: operand(&self.a, self.transposed == Transposed::First)?,
            b: operand(&self.b, self.transposed == Transposed::Second)?,
            c: Operand { stride: n, transposed: false, apart: m * n },
            input: Number::Bf16,
            output,
        })
    }
}

/// What the heuristic takes for granted unless it is told.
const ALIGNMENT: u64 = 256;

/// Whether it begins so, in memory that does.
fn begins_well(tensor: &CubeTensor) -> bool {
    tensor.handle.offset_start.unwrap_or(0).is_multiple_of(ALIGNMENT)
}

fn operand(tensor: &CubeTensor, transposed: bool) -> Option<Operand> {
    if !begins_well(tensor) {
        return None;
    }
    let rank = tensor.meta.num_dims();
    let (shape, strides) = (tensor.meta.shape(), tensor.meta.strides());
    let by_rows = strides[rank - 1] == 1 && strides[rank - 2] >= shape[rank - 1];
    let (stride, turned) = match by_rows {
        true => (strides[rank - 2], false),
        false => (strides[rank - 1], true),
    };
    let apart = if rank == 3 { strides[0] } else { 0 };
    Some(Operand { stride, transposed: transposed != turned, apart })
}

/// `tensor` with rows or columns that lie without gaps between their numbers.
fn plainly(tensor: CubeTensor) -> CubeTensor {
    let rank = tensor.meta.num_dims();
    let (shape, strides) = (tensor.meta.shape(), tensor.meta.strides());
    let by_rows = strides[rank - 1] == 1 && strides[rank - 2] >= shape[rank - 1];
    let by_columns = strides[rank - 2] == 1 && strides[rank - 1] >= shape[rank - 2];
    let apart = rank == 2 || strides[0] > 0;
    match !tensor.meta.is_tiled() && apart && (by_rows || by_columns) {
        true => tensor,
        false => into_contiguous(tensor),
    }
}

/// `tensor` row after row from where algorithms want it to begin.
fn row_by_row(tensor: CubeTensor) -> CubeTensor {
    if begins_well(&tensor) { into_contiguous(tensor) } else { copy_contiguous(tensor) }
}

/// What lies behind a lock, also after a panic elsewhere.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
