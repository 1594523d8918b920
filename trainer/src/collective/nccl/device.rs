//! Tensors, summed where they lie.
//!
//! A call waits until the tensor library has done what fills the buffer, queues the sum and returns. What
//! is computed meanwhile overlaps with it if the call comes from a thread of its own: the tensor library
//! has a queue for each thread, and only what the buffer depends on is waited for. The wait itself could
//! go, too: `model::cuda` can put calls into the tensor library's own queue, and with them an event, or a
//! flag in the GPU's memory that our stream waits for (`Stream::wait_value`). It costs the host little as
//! long as buckets are large.

use super::{DeviceCollective, Nccl};

/// How tensors are reached: not at all in a build without CUDA.
#[cfg(not(feature = "cuda"))]
pub(super) fn of(_nccl: &mut Nccl) -> Option<&mut dyn DeviceCollective> {
    None
}

#[cfg(feature = "cuda")]
pub(super) use cuda::of;

#[cfg(feature = "cuda")]
mod cuda {
    use super::super::super::{CollectiveError, Operation};
    use super::super::calls::{Element, Place};
    use super::{DeviceCollective, Nccl};
    use burn::tensor::{DType, Tensor};
    use model::cuda::{Address, CudaError, synchronized};

    pub fn of(nccl: &mut Nccl) -> Option<&mut dyn DeviceCollective> {
        Some(nccl)
    }

    impl Nccl {
        fn in_place(
            &mut self,
            operation: Operation,
            buffer: &mut Tensor<1>,
        ) -> Result<(), CollectiveError> {
            let here = self.member().begin(operation, buffer.dims()[0])?;
            if here.len == 0 {
                return Ok(());
            }
            // What is waited for here has no clock: the watch goes on meanwhile.
            let placed = placed(buffer);
            let mut member = self.member();
            member.usable()?;
            let (address, place) = placed.map_err(|error| member.fail(here, error))?;
            member.held.push(Box::new(address));
            member.queue(here, place)?;
            drop(member);
            self.watch.begin();
            Ok(())
        }
    }

    /// Where a tensor lies, when all that it depends on is done.
    fn placed(buffer: &mut Tensor<1>) -> Result<(Address, Place), CudaError> {
        let address = Address::of(buffer)?;
        let place = place(&address)?;
        // Behind the first line, everything that the buffer depends on is in this thread's queue.
        synchronized(buffer)?;
        Ok((address, place))
    }

    fn place(address: &Address) -> Result<Place, CudaError> {
        let element = match address.dtype() {
            DType::F32 | DType::Flex32 => Element::F32,
            DType::BF16 => Element::Bf16,
            other => {
                let reason = format!("it is of {other:?}; f32 and bf16 are summed");
                return Err(CudaError::Tensor { reason });
            }
        };
        Ok(Place { address: address.pointer(), len: address.len(), element })
    }

    impl DeviceCollective for Nccl {
        fn all_reduce(&mut self, buffer: &mut Tensor<1>) -> Result<(), CollectiveError> {
            self.in_place(Operation::AllReduce, buffer)
        }

        fn reduce_scatter(&mut self, buffer: &mut Tensor<1>) -> Result<(), CollectiveError> {
            self.in_place(Operation::ReduceScatter, buffer)
        }

        fn all_gather(&mut self, buffer: &mut Tensor<1>) -> Result<(), CollectiveError> {
            self.in_place(Operation::AllGather, buffer)
        }

        fn finish(&mut self) -> Result<(), CollectiveError> {
            let mut member = self.member();
            member.usable()?;
            // Waited for on the host, so that whatever the tensor library is asked for next comes after it.
            member.settle()
        }
    }
}
