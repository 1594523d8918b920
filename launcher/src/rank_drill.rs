//! Faults that only a rank can plant in itself: asked for by a file, and believed only with a seal.
//!
//! Whoever drives the run writes `RUN/drill-rank-N.json`; the rank's watch takes it away and lets go wrong what it
//! says, once. A file without the seal of the run's secret does nothing: it may be anybody's, or of another run.

use crate::cli::Fault;
use crate::error::{Error, exit};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::atomic::Ordering;
use trainer::RunDir;
use trainer::collective::Secret;
use trainer::requests::{Drills, made, remove};

/// What a seal is for, beside the rank.
const PURPOSE: &str = "drill of rank";

/// Bytes that a process which is to run out of memory may still take: enough for its last words.
const SPARE: u64 = 16 << 20;

/// The file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Drill {
    fault: Fault,
    /// Different in each file.
    nonce: String,
    /// Over rank, fault and nonce.
    seal: String,
}

/// Whether a rank plants `fault` in itself; others come from outside, such as signals.
pub fn is_own(fault: Fault) -> bool {
    matches!(fault, Fault::Nan | Fault::OutOfMemory | Fault::FillDisk)
}

/// Asks `rank` to let `fault` go wrong, in place of what it was asked before and has not seen.
pub fn ask(run_dir: &RunDir, rank: usize, fault: Fault, secret: &Secret) -> Result<(), Error> {
    if !is_own(fault) {
        let message = format!("`{}` is no fault that a rank plants in itself", name(fault));
        return Err(Error::new(exit::BUG, message));
    }
    let unique = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nonce = format!("{}-{}", unique.map_or(0, |time| time.as_nanos()), std::process::id());
    let seal = secret.seal(&purpose(rank), [&name(fault), &nonce]);
    let path = run_dir.drill(rank);
    let unnamed = path.with_extension("part");
    // A struct of strings always has a JSON form.
    let text = serde_json::to_vec(&Drill { fault, nonce, seal }).unwrap_or_default();
    std::fs::write(&unnamed, text).map_err(trainer::Error::write(&unnamed))?;
    std::fs::rename(&unnamed, &path).map_err(trainer::Error::write(&path))?;
    Ok(())
}

/// What a rank's watch does with such files.
#[derive(Debug)]
pub struct Drilled {
    run_dir: RunDir,
    rank: usize,
    /// Without one nothing is believed.
    secret: Option<Secret>,
    /// The newest file that was not believed, so that it is complained of once.
    doubted: Option<std::time::SystemTime>,
}

impl Drilled {
    /// For this rank, which knows the run's secret or believes nobody.
    pub fn new(run_dir: RunDir, rank: usize, secret: Option<Secret>) -> Self {
        Self { run_dir, rank, secret, doubted: None }
    }

    /// Looks once. `Some`: the file asks for a fault, and is gone.
    pub fn look(&mut self) -> Option<Fault> {
        let path = self.run_dir.drill(self.rank);
        let at = made(&path)?;
        if self.doubted == Some(at) {
            return None;
        }
        match self.believed(&path) {
            Ok(fault) => {
                // Gone first: the fault may be the end of this process, and the next one must not meet it again.
                match remove(&path) {
                    Ok(()) => return Some(fault),
                    Err(error) => tracing::warn!("a drill is not done: {error}"),
                }
            }
            Err(reason) => tracing::warn!("`{}` is passed over: {reason}", path.display()),
        }
        self.doubted = Some(at);
        None
    }

    fn believed(&self, path: &Path) -> Result<Fault, String> {
        let secret = self.secret.as_ref().ok_or("this run has no secret")?;
        let text = std::fs::read(path).map_err(|error| error.to_string())?;
        let Drill { fault, nonce, seal } =
            serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        if !secret.fits(&seal, &purpose(self.rank), [&name(fault), &nonce]) {
            return Err("its seal is not of this run's secret".to_owned());
        }
        if !is_own(fault) {
            return Err(format!("a rank does not plant `{}` in itself", name(fault)));
        }
        Ok(fault)
    }
}

/// Lets `fault` go wrong.
pub fn plant(fault: Fault, drills: &Drills) {
    match fault {
        Fault::Nan => drills.nan.store(true, Ordering::Relaxed),
        Fault::FillDisk => drills.full_disk.store(true, Ordering::Relaxed),
        Fault::OutOfMemory => run_out_of_memory(),
        _ => {}
    }
}

/// Asks for more memory than the process may have from now on, and ends as every process of ours does that
/// finds none.
fn run_out_of_memory() {
    let pages = |statm: String| statm.split(' ').next()?.parse::<u64>().ok();
    let held = std::fs::read_to_string("/proc/self/statm").ok().and_then(pages).unwrap_or_default();
    // SAFETY: a question without arguments that point anywhere.
    let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    let most = held * page + SPARE;
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: `limit` lives through the call. A limit that cannot be set is met by what is asked for below.
    unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    let wanted = vec![1_u8; usize::try_from(8 * SPARE).unwrap_or(usize::MAX / 2)];
    std::hint::black_box(&wanted);
}

fn purpose(rank: usize) -> String {
    format!("{PURPOSE} {rank}")
}

/// The fault as files have it.
fn name(fault: Fault) -> String {
    let value = serde_json::to_value(fault).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use trainer::requests::Requests;

    fn secret(digit: &str) -> Secret {
        Secret::parse(&digit.repeat(64)).unwrap()
    }

    #[test]
    fn a_sealed_file_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let mut drilled = Drilled::new(run_dir.clone(), 3, Some(secret("5")));
        assert_eq!(drilled.look(), None);
        for fault in [Fault::Nan, Fault::FillDisk, Fault::OutOfMemory] {
            ask(&run_dir, 3, fault, &secret("5")).unwrap();
            assert_eq!(drilled.look(), Some(fault));
            assert!(!run_dir.drill(3).exists());
            assert_eq!(drilled.look(), None);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_stray_file_does_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let drilled = || Drilled::new(run_dir.clone(), 0, Some(secret("5")));
        let look = |text: &[u8]| {
            std::fs::write(run_dir.drill(0), text).unwrap();
            assert_eq!(drilled().look(), None, "{}", String::from_utf8_lossy(text));
            assert!(run_dir.drill(0).exists(), "it is not ours to remove");
        };
        look(b"");
        look(b"{}");
        look(br#"{"fault":"nan","nonce":"1","seal":""}"#);
        look(br#"{"fault":"nan","nonce":"1","seal":"zz"}"#);
        // Of another run, for another rank, of another fault.
        ask(&run_dir, 1, Fault::Nan, &secret("6")).unwrap();
        look(&std::fs::read(run_dir.drill(1)).unwrap());
        ask(&run_dir, 1, Fault::Nan, &secret("5")).unwrap();
        let of_another_rank = std::fs::read_to_string(run_dir.drill(1)).unwrap();
        look(of_another_rank.as_bytes());
        ask(&run_dir, 0, Fault::Nan, &secret("5")).unwrap();
        let changed = std::fs::read_to_string(run_dir.drill(0)).unwrap();
        look(changed.replace("nan", "out-of-memory").as_bytes());
        // Who knows no secret believes nobody.
        ask(&run_dir, 0, Fault::Nan, &secret("5")).unwrap();
        assert_eq!(Drilled::new(run_dir.clone(), 0, None).look(), None);
        assert_eq!(drilled().look(), Some(Fault::Nan));
    }

    #[test]
    fn what_comes_from_outside_is_not_asked_of_a_rank() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let error = ask(&run_dir, 0, Fault::KillNode, &secret("5")).unwrap_err();
        assert_eq!(error.message, "`kill-node` is no fault that a rank plants in itself");
        assert!(!run_dir.drill(0).exists());
    }

    #[test]
    fn a_fault_is_planted_for_the_rank_to_find() {
        let requests = Requests::new();
        plant(Fault::Nan, &requests.drills);
        assert!(requests.drills.nan.load(Ordering::Relaxed));
        assert!(!requests.drills.full_disk.load(Ordering::Relaxed));
        plant(Fault::FillDisk, &requests.drills);
        assert!(requests.drills.full_disk.load(Ordering::Relaxed));
    }
}
