#![allow(clippy::unwrap_used)]
use super::*;

fn claims() -> (tempfile::TempDir, Claims) {
    let folder = tempfile::tempdir().unwrap();
    let claims = Claims::open(folder.path()).unwrap();
    (folder, claims)
}

/// Makes the claim somebody else's.
fn give(folder: &Path, name: &str, change: impl FnOnce(&mut Owner)) {
    let path = folder.join(name);
    let mut owner = owner_of(&path).unwrap();
    change(&mut owner);
    std::fs::write(path.join("owner.json"), serde_json::to_vec(&owner).unwrap()).unwrap();
}

#[test]
fn only_what_is_known_from_here_is_surely_gone() {
    let (folder, mut claims) = claims();
    let gone = || is_surely_gone(folder.path(), "x");
    assert!(gone());
    let _held = claims.take("x").unwrap().unwrap();
    assert!(!gone());
    // No process has begun then.
    give(folder.path(), "x", |owner| owner.born += 1);
    assert!(gone());
    give(folder.path(), "x", |owner| owner.machine = "another".to_owned());
    assert!(!gone());
}

#[test]
fn one_of_several_has_it_until_it_is_let_go() {
    let (folder, mut claims) = claims();
    let mut others = Claims::open(folder.path()).unwrap();
    let claim = claims.take("x").unwrap().unwrap();
    assert!(others.take("x").unwrap().is_none());
    assert!(!others.is_free("x") && others.is_free("y"));
    drop(claim);
    assert!(others.is_free("x"));
    assert!(others.take("x").unwrap().is_some());
    // Nothing is left of any of it.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn of_many_that_try_at_once_one_succeeds_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("count");
    std::fs::write(&count, "0").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut claims = Claims::open(&folder.path().join("claims")).unwrap();
                for _ in 0..25 {
                    let claim = claims.wait("log", || {}).unwrap();
                    let number: u32 = std::fs::read_to_string(&count).unwrap().parse().unwrap();
                    std::fs::write(&count, (number + 1).to_string()).unwrap();
                    drop(claim);
                }
            });
        }
    });
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "200");
}

#[test]
fn who_waits_for_one_claim_shows_that_it_lives_by_the_others() {
    let (folder, mut claims) = claims();
    let mut trial = claims.take("0-5").unwrap().unwrap();
    let mut others = Claims::open(folder.path()).unwrap();
    let mut log = others.take("log").unwrap();
    let before = std::fs::read_to_string(folder.path().join("0-5/beat")).unwrap();
    let mut tries = 0;
    let waited = claims.wait("log", || {
        tries += 1;
        // As if there had been as many seconds between two tries.
        trial.beaten = trial.beaten.checked_sub(BEAT).unwrap_or(trial.beaten);
        assert!(trial.beat());
        if tries == 3 {
            log = None;
        }
    });
    assert!(waited.unwrap().is_ours().unwrap());
    assert_eq!(tries, 3);
    let after = std::fs::read_to_string(folder.path().join("0-5/beat")).unwrap();
    assert!(after > before && after.len() == before.len(), "{before:?} {after:?}");
}

#[test]
fn whose_claim_was_taken_learns_of_it_when_it_looks() {
    let (folder, mut claims) = claims();
    let claim = claims.take("x").unwrap().unwrap();
    assert!(claim.is_ours().unwrap());
    give(folder.path(), "x", |owner| owner.token = "another".to_owned());
    assert!(!claim.is_ours().unwrap(), "at once, without a beat between");
    std::fs::remove_dir_all(folder.path().join("x")).unwrap();
    assert!(!claim.is_ours().unwrap());
}

#[test]
fn a_claim_tells_how_long_there_was_work_and_not_how_long_it_was_held() {
    let (folder, mut claims) = claims();
    assert_eq!(claims.worked("x"), None);
    let mut claim = claims.take("x").unwrap().unwrap();
    // As if it had been held for long, and waited for something all the while.
    claim.beaten = claim.beaten.checked_sub(BEAT).unwrap_or(claim.beaten);
    assert!(claim.beat());
    assert_eq!(claims.worked("x"), Some(Duration::ZERO));
    claim.begin_work();
    let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds));
    claim.working = ago(90).or(claim.working);
    let at_least = claim.worked();
    claim.end_work();
    let first = claims.worked("x").unwrap();
    assert!(first.as_secs() >= at_least.as_secs(), "{first:?} {at_least:?}");
    assert_eq!(claim.worked().as_millis(), first.as_millis(), "it stands still");
    claim.begin_work();
    claim.working = ago(30).or(claim.working);
    claim.end_work();
    assert!(claims.worked("x").unwrap() >= first);
    drop(claim);
    assert_eq!(claims.worked("x"), None);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn claims_are_listed_without_those_of_the_dead() {
    let (folder, mut claims) = claims();
    let _first = claims.take("a-1").unwrap().unwrap();
    let _second = claims.take("a-2").unwrap().unwrap();
    let _other = claims.take("b-1").unwrap().unwrap();
    let mut names = claims.held("a-").unwrap();
    names.sort();
    assert_eq!(names, ["a-1", "a-2"]);
    give(folder.path(), "a-2", |owner| owner.born += 1);
    assert_eq!(claims.held("a-").unwrap(), ["a-1"]);
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert!(claims.held("a-").is_err(), "a folder that is away is not empty");
}

#[test]
fn a_dead_owner_on_this_machine_is_known_at_once() {
    let (folder, mut claims) = claims();
    let claim = claims.take("x").unwrap().unwrap();
    // Our own number, begun at another time: it was given again.
    give(folder.path(), "x", |owner| owner.born += 1);
    assert!(claims.is_free("x"));
    assert!(claims.take("x").unwrap().is_none(), "this try buries the dead");
    assert!(claims.take("x").unwrap().is_some());
    drop(claim);
}

#[test]
fn an_owner_elsewhere_is_believed_as_long_as_it_may_be_silent() {
    let (folder, mut claims) = claims();
    let mut claim = claims.take("x").unwrap().unwrap();
    give(folder.path(), "x", |owner| owner.machine = "elsewhere".to_owned());
    assert!(!claims.is_free("x"));
    let long_ago = Instant::now().checked_sub(PATIENCE);
    if let Some(long_ago) = long_ago {
        claims.seen.get_mut("x").unwrap().1 = long_ago;
        assert!(claims.is_free("x"));
        // Another number, and it is believed again.
        std::fs::write(folder.path().join("x/beat"), "7").unwrap();
        assert!(!claims.is_free("x"));
    }
    // One whose claim was taken from it learns of it.
    assert!(claim.beat());
    give(folder.path(), "x", |owner| owner.token = "another".to_owned());
    claim.beaten = Instant::now().checked_sub(BEAT).unwrap_or(claim.beaten);
    assert!(!claim.beat() || claim.beaten.elapsed() < BEAT);
    drop(claim);
    assert!(folder.path().join("x").exists(), "what is another's stays");
}
