//! Tensors, summed where they lie.
//!
//! What is asked for is gathered until it is flushed: a block's buckets become one group of NCCL's. A group
//! comes behind the work that fills its tensors, in one of two ways ([`Order`]): the host waits for that work,
//! once a group, or NCCL's queue does on the GPU, and the host goes on with the next block. Either way the host
//! waits for the sums only in `finish`, so that whatever the tensor library is asked for next comes after them.

use super::{DeviceCollective, Nccl};

/// How tensors are reached: not at all in a build without CUDA.
#[cfg(not(feature = "cuda"))]
pub(super) fn of(_nccl: &mut Nccl) -> Option<&mut dyn DeviceCollective> {
    None
}

#[cfg(feature = "cuda")]
pub(super) use cuda::{Fresh, Order, of};

#[cfg(feature = "cuda")]
mod cuda {
    use super::super::super::{CollectiveError, Operation, Whereabouts};
    use super::super::calls::{Element, Place};
    use super::{DeviceCollective, Nccl};
    use burn::tensor::{DType, Device, Tensor};
    use model::cuda::{Address, CudaError, synchronized};
    use std::sync::Arc;

    pub fn of(nccl: &mut Nccl) -> Option<&mut dyn DeviceCollective> {
        Some(nccl)
    }

    /// Where `device` orders sums behind the work that fills their tensors, anything else lets the host wait.
    const SETTING: &str = "KNOWCODER_NCCL_ORDER";

    /// How sums come behind the work that fills their tensors.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Order {
        /// The host waits until it is done.
        Host,
        /// NCCL's queue waits for an event in the tensor library's.
        Device,
    }

    impl Order {
        /// As [`SETTING`] says.
        pub fn of_this_process() -> Self {
            match std::env::var(SETTING).as_deref() {
                Ok("device") => Self::Device,
                _ => Self::Host,
            }
        }
    }

    /// An operation over a tensor that has not begun.
    pub struct Fresh {
        here: Whereabouts,
        place: Place,
        address: Address,
        device: Device,
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
            let placed = Address::of(buffer).and_then(|address| Ok((place(&address)?, address)));
            let (place, address) = placed.map_err(|error| self.member().fail(here, error))?;
            self.fresh.push(Fresh { here, place, address, device: buffer.device() });
            Ok(())
        }

        /// Returns when sums over `addresses` may be queued.
        fn ordered(&self, addresses: &mut [Address], device: &Device) -> Result<(), CudaError> {
            match self.order {
                Order::Host => {
                    // What the tensors depend on is in this thread's queue since their addresses were asked for.
                    synchronized(device)?;
                    addresses.iter_mut().for_each(Address::settle);
                    Ok(())
                }
                Order::Device => {
                    // Of its own, so that the watch goes on meanwhile.
                    let stream = Arc::clone(&self.member().stream);
                    Address::order(addresses, &stream)
                }
            }
        }
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

        fn flush(&mut self) -> Result<(), CollectiveError> {
            let fresh = std::mem::take(&mut self.fresh);
            let Some(Fresh { here, device, .. }) = fresh.last() else { return Ok(()) };
            let (here, device) = (*here, device.clone());
            let mut group = Vec::with_capacity(fresh.len());
            let mut addresses = Vec::with_capacity(fresh.len());
            for Fresh { here, place, address, .. } in fresh {
                group.push((here, place));
                addresses.push(address);
            }
            let ordered = self.ordered(&mut addresses, &device);
            let mut member = self.member();
            member.usable()?;
            ordered.map_err(|error| member.fail(here, error))?;
            for address in addresses {
                member.held.push(Box::new(address));
            }
            member.launch(&group)?;
            drop(member);
            self.watch.begin();
            Ok(())
        }

        fn finish(&mut self) -> Result<(), CollectiveError> {
            self.flush()?;
            let mut member = self.member();
            member.usable()?;
            member.settle()
        }
    }
}
