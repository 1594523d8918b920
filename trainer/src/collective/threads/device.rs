//! Tensors summed by ranks that are threads: what a carrier between devices does, through host memory.

use super::Threads;
use crate::collective::{Collective, CollectiveError, DeviceCollective};
use burn::tensor::{Tensor, TensorData};

impl DeviceCollective for Threads {
    fn all_reduce(&mut self, buffer: &mut Tensor<1>) -> Result<(), CollectiveError> {
        through_memory(buffer, |values| Collective::all_reduce(self, values))
    }

    fn reduce_scatter(&mut self, buffer: &mut Tensor<1>) -> Result<(), CollectiveError> {
        through_memory(buffer, |values| Collective::reduce_scatter(self, values).map(drop))
    }

    fn all_gather(&mut self, buffer: &mut Tensor<1>) -> Result<(), CollectiveError> {
        through_memory(buffer, |values| Collective::all_gather(self, values))
    }

    fn finish(&mut self) -> Result<(), CollectiveError> {
        Ok(())
    }
}

fn through_memory(
    buffer: &mut Tensor<1>,
    work: impl FnOnce(&mut [f32]) -> Result<(), CollectiveError>,
) -> Result<(), CollectiveError> {
    let mut values: Vec<f32> = buffer.to_data().iter::<f32>().collect();
    work(&mut values)?;
    let count = values.len();
    let (device, dtype) = (buffer.device(), buffer.dtype());
    *buffer = Tensor::from_data(TensorData::new(values, [count]), (&device, dtype));
    Ok(())
}
