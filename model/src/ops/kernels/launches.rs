//! Which kernels a piece of work launches: ours, and those of the tensor library beside them.

use burn_cubecl::cubecl::logging::{LaunchObservation, LaunchObserver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

/// One observation at a time: there is one observer for the whole process.
static WATCHING: Mutex<()> = Mutex::new(());

/// Names of what one thread launches; other tests launch meanwhile.
struct Names {
    thread: ThreadId,
    found: Mutex<Vec<&'static str>>,
}

impl LaunchObserver for Names {
    fn launched(&self, kernel: &'static str) {
        if thread::current().id() == self.thread {
            self.found.lock().unwrap_or_else(PoisonError::into_inner).push(kernel);
        }
    }
}

/// The kernels that `work` launches, in order.
pub(crate) fn launches(work: impl FnOnce()) -> Vec<&'static str> {
    let _alone = WATCHING.lock().unwrap_or_else(PoisonError::into_inner);
    let names = Arc::new(Names { thread: thread::current().id(), found: Mutex::default() });
    let watching = LaunchObservation::new(names.clone());
    work();
    drop(watching);
    let found = names.found.lock().unwrap_or_else(PoisonError::into_inner);
    found.clone()
}
