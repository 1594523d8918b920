//! Somebody who looks at the others while the rank does something else.
//!
//! Sums over tensors go on while the rank computes, and it may come to stand still there without having asked
//! for it: the driver waits for NCCL's kernels when memory is given back. Whoever waits looks for itself
//! (`wait`); at any other time, as long as something is queued, this thread does. What it finds ends NCCL on
//! the GPU, so that the rank gets on, and is said by whatever the rank asks for next.
//!
//! It has no deadline of its own: a rank that computes may do so for as long as it needs. It asks nothing of
//! the driver either, which may hold it up together with the rank.

use super::super::{CollectiveError, News, Whereabouts};
use super::member::Member;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// A neighbour that hung up may only have been faster, and what is queued be done: the rank has this long to
/// come and see.
const GRACE: Duration = Duration::from_secs(5);

/// A member, and the thread that watches it.
pub(super) struct Watch {
    member: Arc<Mutex<Member>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Watches `member`; `here` is what an error names.
    pub fn over(member: Member, here: Whereabouts) -> Result<Self, CollectiveError> {
        let member = Arc::new(Mutex::new(member));
        let watched = Arc::clone(&member);
        let thread = thread::Builder::new().name("nccl-watch".to_owned());
        match thread.spawn(move || watch(&watched)) {
            Ok(thread) => Ok(Self { member, thread: Some(thread) }),
            Err(error) => Err(locked(&member).ended(here, &error)),
        }
    }

    /// The member, which is nobody else's meanwhile.
    pub fn member(&self) -> MutexGuard<'_, Member> {
        locked(&self.member)
    }

    /// Has the member watched from here on, until what is queued was waited for.
    #[cfg_attr(not(any(feature = "cuda", test)), allow(dead_code))]
    pub fn begin(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.member().over = true;
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It does not panic, and if it did, that would not matter any more.
            let _ = thread.join();
        }
    }
}

fn locked(member: &Mutex<Member>) -> MutexGuard<'_, Member> {
    // Each of its fields is whole at any time.
    member.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch(watched: &Mutex<Member>) {
    let mut gone: Option<(usize, Instant)> = None;
    loop {
        let mut member = locked(watched);
        if member.over {
            return;
        }
        match member.queued.filter(|_| member.closed.is_none()) {
            Some(here) => {
                member.look(here, &mut gone);
                drop(member);
                thread::park_timeout(LOOK);
            }
            None => {
                gone = None;
                drop(member);
                thread::park();
            }
        }
    }
}

impl Member {
    /// One look while `here` is queued; `gone` is the neighbour that hung up, and since when.
    fn look(&mut self, here: Whereabouts, gone: &mut Option<(usize, Instant)>) {
        let found = match (self.sound(), self.control.news(here.moment)) {
            (Err(error), _) => self.fail(here, error),
            (Ok(()), Some(News::Left(error))) => self.close(here, error),
            (Ok(()), Some(News::Gone(peer))) => {
                let (peer, since) = *gone.get_or_insert((peer, Instant::now()));
                if since.elapsed() < GRACE {
                    return;
                }
                self.hung_up(here, peer)
            }
            // Who asks is answered by the rank itself, which alone knows where it is.
            (Ok(()), Some(News::Asks) | None) => return,
        };
        self.found = Some(found);
    }
}
