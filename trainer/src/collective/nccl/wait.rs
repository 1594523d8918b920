//! Waiting for a GPU, with an eye on the others and on the clock; and what happens when it is in vain.
//!
//! NCCL's own word for a rank that died is to wait. So neighbours are watched through the ring: one that
//! leaves says why, and one that dies hangs up. At the deadline all ranks are asked where they are; the
//! one that does not answer is named. In each case the others are told first: cutting NCCL off, so that no GPU
//! goes on waiting, may itself take for ever.

use super::super::{CollectiveError, News, Whereabouts};
use super::library::{Handle, IN_PROGRESS, NcclLibrary, REMOTE, SUCCESS};
use super::member::Member;
use super::{Moment, Operation};
use model::cuda::CudaError;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Between two looks at the others, and longest pause between two looks at the GPU.
const LOOK: Duration = Duration::from_millis(5);

/// A neighbour that hung up may only have been faster: what it took part in is waited for this long.
const GRACE: Duration = Duration::from_secs(2);

/// For a rank to say where it is. It looks every [`LOOK`] if it waits, too.
const ANSWER: Duration = Duration::from_secs(10);

/// NCCL may notice the end of a rank before the ring has passed its reason on.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// For NCCL to let itself be cut off. It may wait for what will never come: a broken way, a context that failed.
const ABORT: Duration = Duration::from_secs(10);

/// For a GPU to come to an end after NCCL was cut off.
const DRAIN: Duration = Duration::from_secs(5);

impl Member {
    /// Returns when `done`, for at most `patience`; after an error everything is closed.
    pub(super) fn wait(
        &mut self,
        here: Whereabouts,
        patience: Duration,
        done: impl Fn(&Self) -> Result<bool, CudaError>,
    ) -> Result<(), CollectiveError> {
        let begun = Instant::now();
        let mut looked = begun;
        let mut gone: Option<(usize, Instant)> = None;
        loop {
            match done(self) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => return Err(self.fail(here, error)),
            }
            let now = Instant::now();
            if now >= looked + LOOK {
                looked = now;
                self.sound().map_err(|error| self.fail(here, error))?;
                match self.control.news(here.moment) {
                    Some(News::Left(error)) => return Err(self.close(here, error)),
                    Some(News::Asks) => return Err(self.give_up(here, patience)),
                    Some(News::Gone(peer)) => gone = gone.or(Some((peer, now))),
                    None => {}
                }
                if let Some((peer, since)) = gone
                    && now >= since + GRACE
                {
                    return Err(self.hung_up(here, peer));
                }
                if now >= begun + patience {
                    return Err(self.give_up(here, patience));
                }
            }
            // A sixteenth of the time so far: short waits end soon, and long ones cost no processor.
            let pause = (now - begun) / 16;
            std::thread::sleep(pause.clamp(Duration::from_micros(20), LOOK));
        }
    }

    /// The end, because a neighbour went without a word.
    pub(super) fn hung_up(&mut self, here: Whereabouts, peer: usize) -> CollectiveError {
        let error = CollectiveError::HungUp { peer, moment: here.moment };
        self.control.end(Some(peer), &error.to_string());
        self.close(here, error)
    }

    /// What NCCL has noticed by itself.
    pub(super) fn sound(&self) -> Result<(), CudaError> {
        let Some(handle) = self.communicator else { return Ok(()) };
        match self.library.state(handle)? {
            SUCCESS | IN_PROGRESS => Ok(()),
            status => Err(self.library.error("ncclCommGetAsyncError", status, Some(handle))),
        }
    }

    /// The end, because NCCL or the driver said so.
    pub(super) fn fail(&mut self, here: Whereabouts, error: CudaError) -> CollectiveError {
        // A connection of NCCL's that broke has another rank at its end.
        let is_elsewhere = matches!(error, CudaError::Call { code: REMOTE, .. });
        if is_elsewhere && let Some(error) = self.last_words(here) {
            return self.close(here, error);
        }
        let failed = CollectiveError::Device {
            rank: self.rank,
            moment: here.moment,
            reason: error.to_string(),
        };
        let culprit = (!is_elsewhere).then_some(self.rank);
        self.control.end(culprit, &failed.to_string());
        self.close(here, failed)
    }

    /// What the ring knows of a rank that ended, or soon will.
    fn last_words(&mut self, here: Whereabouts) -> Option<CollectiveError> {
        let until = Instant::now() + LAST_WORDS;
        loop {
            match self.control.news(here.moment) {
                Some(News::Left(error)) => return Some(error),
                Some(News::Gone(peer)) => {
                    let error = CollectiveError::HungUp { peer, moment: here.moment };
                    self.control.end(Some(peer), &error.to_string());
                    return Some(error);
                }
                Some(News::Asks) | None => {}
            }
            if Instant::now() >= until {
                return None;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The end, because nothing moves.
    fn give_up(&mut self, here: Whereabouts, waited: Duration) -> CollectiveError {
        let answers = match self.control.ask(here, ANSWER.min(self.deadlines.operation)) {
            Ok(answers) => answers,
            // The ring has passed it on.
            Err(error) => return self.close(here, error),
        };
        let elsewhere = answers.iter().position(|there| *there != here);
        let error = match elsewhere {
            Some(peer) => CollectiveError::Diverged {
                rank: self.rank,
                here: here.to_string(),
                peer,
                there: answers[peer].to_string(),
            },
            None => CollectiveError::Stuck {
                world: self.world,
                moment: here.moment,
                seconds: waited.as_secs_f64(),
            },
        };
        self.control.end(None, &error.to_string());
        self.close(here, error)
    }

    /// Closes everything, and says the error as this rank sees it.
    pub(super) fn close(
        &mut self,
        here: Whereabouts,
        mut error: CollectiveError,
    ) -> CollectiveError {
        self.cut();
        // The ring counts its own operations; a reader knows ours.
        if let CollectiveError::HungUp { moment, .. }
        | CollectiveError::Late { moment, .. }
        | CollectiveError::Damaged { moment, .. } = &mut error
        {
            *moment = here.moment;
        }
        self.closed.get_or_insert_with(|| match &error {
            CollectiveError::Closed { reason } => reason.clone(),
            error => error.to_string(),
        });
        error
    }

    /// Ends what NCCL does on the GPU; nothing is asked of it afterwards.
    pub(super) fn cut(&mut self) {
        let Some(handle) = self.communicator.take() else { return };
        if aborted(&self.library, handle, ABORT.min(self.deadlines.operation)) && self.drained() {
            self.held.clear();
        } else {
            // Something may still write there: better kept until the process ends than given to others.
            self.staging = None;
            std::mem::forget(std::mem::take(&mut self.held));
            // Nor is the driver asked for anything that may wait for it.
            std::mem::forget(Arc::clone(&self.stream));
        }
        self.queued = None;
    }

    /// Whether the GPU comes to an end soon.
    fn drained(&self) -> bool {
        let until = Instant::now() + DRAIN;
        let mut idle = self.stream.is_idle();
        while matches!(idle, Ok(false)) && Instant::now() < until {
            std::thread::sleep(LOOK);
            idle = self.stream.is_idle();
        }
        matches!(idle, Ok(true))
    }

    /// Gives the communicator back in good order; false if that cannot be.
    fn part(&mut self) -> bool {
        let Some(handle) = self.communicator else { return true };
        let here = Whereabouts {
            moment: Moment { operation: Operation::Meeting, sequence: self.sequence },
            len: 0,
        };
        match self.library.finalize(handle) {
            Err(_) => return false,
            Ok(true) if self.wait(here, DRAIN, Self::is_ready).is_err() => return false,
            Ok(_) => {}
        }
        self.communicator = None;
        self.library.destroy(handle);
        true
    }
}

/// Ends what a communicator does; false if that does not come to an end within `patience`, and is left to itself.
fn aborted(library: &Arc<NcclLibrary>, handle: Handle, patience: Duration) -> bool {
    let (library, handle) = (Arc::clone(library), handle as usize);
    let (done, waits) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("nccl-abort".to_owned()).spawn(move || {
        library.abort(handle as Handle);
        // Whoever waited may be gone.
        let _ = done.send(());
    });
    thread.is_ok() && waits.recv_timeout(patience).is_ok()
}

impl Drop for Member {
    fn drop(&mut self) {
        let in_order = self.closed.is_none() && self.queued.is_none();
        if !(in_order && !std::thread::panicking() && self.part()) {
            self.cut();
        }
        if let Some((address, _)) = self.staging.take() {
            // Nothing can be done where the driver is already gone.
            let _ = self.context.free(address);
        }
    }
}
