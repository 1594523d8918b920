//! A world of one.

use super::{Collective, CollectiveError, Control, DeviceCollective, Moment, News, Whereabouts};
use burn::tensor::Tensor;
use std::ops::Range;
use std::time::Duration;

/// The only rank: sums over it are its own values.
#[derive(Clone, Copy, Debug, Default)]
pub struct Solo;

impl Collective for Solo {
    fn rank(&self) -> usize {
        0
    }

    fn world(&self) -> usize {
        1
    }

    fn all_reduce(&mut self, _buffer: &mut [f32]) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn reduce_scatter(&mut self, buffer: &mut [f32]) -> Result<Range<usize>, CollectiveError> {
        Ok(0..buffer.len())
    }

    fn all_gather(&mut self, _buffer: &mut [f32]) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn broadcast(&mut self, _bytes: &mut Vec<u8>, root: usize) -> Result<(), CollectiveError> {
        assert_eq!(root, 0, "a world of one has no rank {root}");
        Ok(())
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn abort(&mut self) {}

    fn on_device(&mut self) -> Option<&mut dyn DeviceCollective> {
        Some(self)
    }
}

impl DeviceCollective for Solo {
    fn all_reduce(&mut self, _buffer: &mut Tensor<1>) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn reduce_scatter(&mut self, _buffer: &mut Tensor<1>) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn all_gather(&mut self, _buffer: &mut Tensor<1>) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), CollectiveError> {
        Ok(())
    }
}

impl Control for Solo {
    fn news(&mut self, _during: Moment) -> Option<News> {
        None
    }

    fn ask(
        &mut self,
        here: Whereabouts,
        _patience: Duration,
    ) -> Result<Vec<Whereabouts>, CollectiveError> {
        Ok(vec![here])
    }

    fn end(&mut self, _culprit: Option<usize>, _reason: &str) {}
}
