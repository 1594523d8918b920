//! Calls of NVIDIA's libraries in the order of the tensor library's own work.
//!
//! The tensor library queues its kernels from one thread per GPU, on a stream that it does not hand out
//! through its client. But that thread takes tasks from anyone who has a handle to its server, and the
//! server shows its streams to whoever settles what a task has written. So a call is a task like each of
//! its launches: behind everything that was queued before it on the same stream, before everything that
//! follows, and without any waiting of the host. Memory needs no care beyond that: what a task reads is
//! held until it is queued, and given to others only behind it on the same stream.
//!
//! A failure stays with the memory that was to be written, as those of kernels do: reading it is what
//! reports it.

use super::{Context, CudaError, Stream};
use burn::backend::{BackTrace, StreamId};
use burn_cubecl::cubecl::client::Client;
use burn_cubecl::cubecl::cuda::CudaRuntime;
use burn_cubecl::cubecl::device::DeviceId;
use burn_cubecl::cubecl::device_handle::DeviceHandle;
use burn_cubecl::cubecl::server::{BufferBinding, Handle, ServerError};
use cubecl_server::runtime::Runtime;
use cubecl_server::stream::{ExecuteScope, FailureStore, WriteScoped};
use std::ffi::c_void;

type Server = <CudaRuntime as Runtime>::Server;

/// Where a call runs: the stream, and the addresses of what it reads and, last, of what it writes.
pub(crate) struct Place {
    /// A `CUstream`.
    pub stream: *mut c_void,
    pub addresses: Vec<u64>,
}

/// Queues `call` behind all that was launched through `client` from this thread.
///
/// What it writes may be among what it reads.
pub(crate) fn enqueue(
    client: &Client,
    context: &Context,
    reads: Vec<Handle>,
    writes: Handle,
    call: impl FnOnce(Place) -> Result<(), CudaError> + Send + 'static,
) {
    let stream = StreamId::current();
    let reads: Vec<BufferBinding> = reads.into_iter().map(Handle::binding).collect();
    let written = writes.binding();
    let context = context.clone();
    DeviceHandle::<Server>::new(client.service_id().device).submit(move |server| {
        // Asked before the scope opens: that alone marks what will be written as not written yet.
        let readable = server.write_streams().ensure_written(reads.iter());
        let scope = ExecuteScope::over(server, stream, vec![written.clone()]);
        // Whoever reads the result hears of a failure.
        let _ = scope.execute(move |server| {
            readable?;
            context.enter().map_err(failed)?;
            let bindings: Vec<_> = reads.into_iter().chain([written]).collect();
            let mut streams = server.write_streams().resolve(stream, bindings.iter())?;
            let mut addresses = Vec::with_capacity(bindings.len());
            for binding in &bindings {
                let memory = &mut streams.get(&binding.stream).memory_management_gpu;
                let (start, end) = (binding.offset_start, binding.offset_end);
                addresses.push(memory.get_resource(binding.memory.clone(), start, end)?.ptr);
            }
            let stream: *mut c_void = streams.current().sys.cast();
            // `streams` is dropped behind the call, which lets go of what other streams own.
            call(Place { stream, addresses }).map_err(failed)
        });
    });
}

/// Lets what follows on `stream` begin when all is done that writes `written`, as far as this thread has asked
/// for it.
///
/// Returns when that is queued on the GPU, not when it is done.
pub(crate) fn follow(
    device: DeviceId,
    written: Vec<Handle>,
    stream: &Stream,
) -> Result<(), CudaError> {
    let current = StreamId::current();
    let written: Vec<BufferBinding> = written.into_iter().map(Handle::binding).collect();
    let refused = |reason: String| CudaError::Tensor { reason };
    let ordered = DeviceHandle::<Server>::new(device).submit_blocking(|server| {
        server.write_streams().ensure_written(written.iter())?;
        // What other streams of the server write comes before this one's next work from here on.
        let mut streams = server.write_streams().resolve(current, written.iter())?;
        let other: *mut c_void = streams.current().sys.cast();
        // SAFETY: the server's stream, of the primary context as ours is.
        unsafe { stream.follow(other) }.map_err(failed)
    });
    match ordered {
        Ok(ordered) => ordered.map_err(|error| refused(format!("the device failed: {error}"))),
        Err(error) => Err(refused(format!("the device took nothing more: {error:?}"))),
    }
}

fn failed(error: CudaError) -> ServerError {
    ServerError::Generic { reason: error.to_string(), backtrace: BackTrace::capture() }
}
