#![allow(clippy::unwrap_used)]
use super::*;
use crate::sweep::trial::tests::setting;
use std::path::Path;

/// A run of `tiny.toml` that was let in, and another one of another worker.
fn beside(folder: &Path) -> (Setting, Claims, Slot, Company) {
    let mut setting = setting(folder);
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    setting.sweep.recipe = manifest.join("../tests/fixtures/tiny.toml");
    let mut claims = Claims::open(&setting.folder.claims()).unwrap();
    let (trial, seed) = (0, 5);
    let job = Job { trial, seed, values: Point::new(), until: None, failures: 0 };
    let claim = claims.take(&name(trial, seed)).unwrap().unwrap();
    let mut slot = Slot::new(&setting, job, claim, None).unwrap();
    assert!(enters(&mut slot, &mut claims));
    let mut other = Company::new("1-5");
    assert!(other.enter(&mut Claims::open(&setting.folder.claims()).unwrap()).unwrap());
    (setting, claims, slot, other)
}

fn enters(slot: &mut Slot, claims: &mut Claims) -> bool {
    slot.company.as_mut().unwrap().enter(claims).unwrap()
}

fn failed(out_of_memory: bool) -> Ending {
    let (code, cause, may_pass) = (exit::BACKEND, "too little memory".to_owned(), false);
    Ending::Failed { code, cause, may_pass, out_of_memory }
}

#[test]
fn what_went_wrong_beside_another_worker_is_tried_again_alone() {
    for out_of_memory in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (setting, mut claims, mut slot, other) = beside(folder.path());
        let ended = slot.trained(&setting, &mut claims, failed(out_of_memory)).unwrap();
        assert!(matches!(ended, Look::Busy), "nothing is said of it");
        assert!(!enters(&mut slot, &mut claims), "the other one is at work");
        drop(other);
        assert!(enters(&mut slot, &mut claims));
        let ended = slot.trained(&setting, &mut claims, failed(out_of_memory)).unwrap();
        let Look::Ended(ending) = ended else { panic!("it was alone: that is its own doing") };
        assert_eq!(ending, failed(out_of_memory));
    }
}

#[test]
fn others_that_came_later_may_have_taken_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (setting, mut claims, mut slot, mut other) = beside(folder.path());
    let mut theirs = Claims::open(&setting.folder.claims()).unwrap();
    other.leave();
    let company = slot.company.as_mut().unwrap();
    company.leave_to_be_alone(Alone::AtFirst);
    assert!(company.enter(&mut claims).unwrap());
    assert!(!other.enter(&mut theirs).unwrap());
    // It has come to its first step.
    company.has_settled();
    assert!(other.enter(&mut theirs).unwrap());
    let ended = slot.trained(&setting, &mut claims, failed(true)).unwrap();
    assert!(matches!(ended, Look::Busy));
    // Its plan, however, was made when it was alone.
    other.leave();
    assert!(enters(&mut slot, &mut claims));
    let ended = slot.trained(&setting, &mut claims, failed(false)).unwrap();
    assert!(matches!(ended, Look::Ended(Ending::Failed { .. })));
}

#[test]
fn what_was_asked_to_stop_goes_on_whatever_went_wrong_beside_others() {
    let folder = tempfile::tempdir().unwrap();
    let (setting, mut claims, mut slot, _other) = beside(folder.path());
    slot.ask_to_stop();
    let ended = slot.trained(&setting, &mut claims, failed(false)).unwrap();
    assert!(matches!(ended, Look::Ended(Ending::Interrupted)));
}

#[test]
fn a_run_that_waits_for_its_shards_works_for_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let (setting, mut claims, mut slot, _other) = beside(folder.path());
    // Another worker prepares them.
    let name = slot.preparing();
    let mut theirs = Claims::open(&setting.folder.claims()).unwrap();
    let _claim = theirs.take(&name).unwrap().unwrap();
    assert!(matches!(slot.look(&setting, &mut claims).unwrap(), Look::Busy));
    assert_eq!(slot.seconds(), 0.0);
    slot.ask_to_stop();
    let ended = slot.look(&setting, &mut claims).unwrap();
    assert!(matches!(ended, Look::Ended(Ending::Interrupted)), "it came to no rung");
    assert_eq!(slot.seconds(), 0.0);
}
