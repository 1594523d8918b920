//! Where a tensor lies in a GPU's memory, for libraries that work on it there.

use super::{CudaError, Stream, queue};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};
use burn::tensor::{DType, Device, Tensor};
use burn_cubecl::cubecl::__private::Runtime;
use burn_cubecl::cubecl::cuda::CudaRuntime;
use burn_cubecl::cubecl::device::DeviceId;
use burn_cubecl::cubecl::server::Handle;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{Cube, CubeBackend};
use std::any::Any;
use std::fmt;

type Server = <CudaRuntime as Runtime>::Server;

/// The memory of a tensor, which is neither freed nor moved as long as this lives.
pub struct Address {
    pointer: u64,
    len: usize,
    dtype: DType,
    _memory: Box<dyn Any + Send>,
    /// Of whom the tensor library knows who writes it; let go of when the order is made.
    written: Option<(DeviceId, Handle)>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({:#x}, {} of {:?})", self.pointer, self.len, self.dtype)
    }
}

impl Address {
    /// Of the memory of `tensor`, which is nobody else's afterwards: what shares it gets to keep what it
    /// has, and `tensor` a copy.
    ///
    /// Everything that was asked of the tensor before, on whatever thread, is behind the work of this
    /// thread now: it is done after [`synchronized`].
    pub fn of(tensor: &mut Tensor<1>) -> Result<Self, CudaError> {
        let refused = |reason: String| CudaError::Tensor { reason };
        if tensor.is_autodiff() {
            return Err(refused("it has a tape".to_owned()));
        }
        // Looked at before it is taken, so that a tensor of another device stays where it is.
        if let Err(error) = tensor.clone().try_into_primitive::<Cube>() {
            return Err(refused(format!("it is not on a GPU: {error:?}")));
        }
        let placeholder = Tensor::empty([1], &tensor.device());
        let taken = std::mem::replace(tensor, placeholder);
        let alone = taken.try_into_primitive::<Cube>().map(<Cube as Alone>::alone);
        *tensor = match alone {
            Ok(alone) => Tensor::from_primitive::<Cube>(alone),
            Err(error) => return Err(refused(format!("it is not on a GPU: {error:?}"))),
        };
        let placed = resolved(tensor.clone())?;
        if !placed.is_contiguous() {
            return Err(refused("its values do not lie side by side".to_owned()));
        }
        let (len, dtype) = (placed.meta.shape().num_elements(), placed.dtype);
        let memory = placed
            .client
            .get_resource::<Server>(placed.handle.clone())
            .map_err(|error| refused(format!("it has no address: {error}")))?;
        let (pointer, bytes) = (memory.resource().ptr, memory.resource().size);
        if bytes < (len * dtype.size()) as u64 {
            return Err(refused(format!("{len} values are said to lie in {bytes} bytes")));
        }
        let written = Some((placed.client.service_id().device, placed.handle.clone()));
        Ok(Self { pointer, len, dtype, _memory: Box::new(memory), written })
    }

    /// Lets what follows on `stream` begin when everything is done that was asked of these tensors before.
    /// This thread waits until that is queued on the GPU, and not until it is done.
    ///
    /// To be called by the thread that has asked for the addresses.
    pub fn order(addresses: &mut [Self], stream: &Stream) -> Result<(), CudaError> {
        let written: Vec<_> = addresses.iter_mut().filter_map(|it| it.written.take()).collect();
        let Some(device) = written.first().map(|(device, _)| *device) else { return Ok(()) };
        queue::follow(device, written.into_iter().map(|(_, handle)| handle).collect(), stream)
    }

    /// Nobody needs to be told of an order: all that was asked of the tensor is done.
    pub fn settle(&mut self) {
        self.written = None;
    }

    /// `CUdeviceptr` of the first value.
    pub fn pointer(&self) -> u64 {
        self.pointer
    }

    /// Values.
    #[allow(clippy::len_without_is_empty)] // A tensor of none has no address.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Their type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }
}

/// Returns when all that this thread has asked of `device` is done.
pub fn synchronized(device: &Device) -> Result<(), CudaError> {
    let failed = |error| CudaError::Tensor { reason: format!("the device failed: {error}") };
    device.sync().map_err(failed)
}

/// What it takes to write a tensor's memory from outside.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"))]
trait Alone: Backend {
    /// The same values, contiguous, in memory that no other tensor sees.
    #[fusion(dtype = tensor, shape = tensor)]
    fn alone(tensor: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Alone for CubeBackend {
    fn alone(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        match tensor.handle.can_mut() {
            true => into_contiguous(tensor),
            false => tensor.copy(),
        }
    }
}

#[cfg(not(feature = "fusion"))]
fn resolved(tensor: Tensor<1>) -> Result<CubeTensor, CudaError> {
    tensor
        .try_into_primitive::<Cube>()
        .map_err(|error| CudaError::Tensor { reason: format!("it is not on a GPU: {error:?}") })
}

/// Drains what fusion has put off for the tensor.
#[cfg(feature = "fusion")]
fn resolved(tensor: Tensor<1>) -> Result<CubeTensor, CudaError> {
    let refused = |reason: String| CudaError::Tensor { reason };
    let fused = tensor
        .try_into_primitive::<Cube>()
        .map_err(|error| refused(format!("it is not on a GPU: {error:?}")))?;
    let client = fused.client.clone();
    client
        .resolve_tensor_float::<CubeBackend>(fused)
        .map_err(|error| refused(format!("the device failed: {error}")))
}
