//! `knowcoder drill`: makes something go wrong in a run that goes on.

mod outlook;

use super::Answer;
use super::submit::{absolute, shown};
use crate::cli::{self, Fault};
use crate::cluster::Cluster;
use crate::error::{Error, exit};
use crate::standing::now::Now;
use clap::ValueEnum;
use data_pipeline::predictions::replace_among_others;
use outlook::{Fate, outlook};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};
use trainer::RunDir;

/// Longest that a fault lasts, in seconds: a day.
const LONGEST: u64 = 86_400;

/// Writes down what shall go wrong; the run's coordinator does it and takes the file away.
pub fn drill(args: &cli::Drill) -> Result<Answer, Error> {
    let run_dir = RunDir::new(absolute(&args.run)?);
    let (now, _) = Now::of_files(&run_dir)?;
    let root = shown(run_dir.root());
    if now.driver.is_none() {
        let message =
            format!("nobody drives `{root}`: it is {}, so nothing can go wrong", now.word());
        return Err(Error::new(exit::DECLARATION, message).hint(
            "drill a run that goes on: `knowcoder submit` or `knowcoder resume` starts one",
        ));
    }
    let world = now.standing.world;
    if let Some(rank) = args.rank.filter(|rank| world > 0 && *rank >= world) {
        let message = format!("--rank {rank}: the run has ranks 0 to {}", world - 1);
        return Err(Error::new(exit::DECLARATION, message));
    }
    let cluster = match run_dir.cluster().exists() {
        true => Cluster::load(&run_dir.cluster())?,
        false => Cluster::of_this_machine(),
    };
    if args.fault == Fault::CutLink && cluster.nodes + cluster.spares == 1 {
        let message = "cut-link: the run has one node, and nothing to be cut off from";
        return Err(Error::new(exit::DECLARATION, message)
            .hint("`nodes = 2` in the cluster file makes nodes, also of this machine"));
    }
    let seconds = args.seconds.unwrap_or_else(|| usual(args.fault, &cluster));
    if !(1..=LONGEST).contains(&seconds) {
        let message = format!("--seconds {seconds}: it must be between 1 and {LONGEST}");
        return Err(Error::new(exit::DECLARATION, message));
    }
    // Only rank 0 writes checkpoints in every world.
    let rank = args.rank.or((args.fault == Fault::FillDisk).then_some(0));
    let folder = run_dir.root().join("drill");
    std::fs::create_dir_all(&folder).map_err(data_pipeline::Error::write(&folder))?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let path = folder.join(format!("{}.json", since.as_nanos()));
    let wish = json!({"fault": args.fault, "rank": rank, "seconds": seconds});
    replace_among_others(&path, wish.to_string().as_bytes())?;
    let fault =
        args.fault.to_possible_value().map_or_else(String::new, |it| it.get_name().to_owned());
    let whom = whom(args.fault, rank.or(world.checked_sub(1)));
    let time = match args.seconds {
        _ if !passes(args.fault) => String::new(),
        None if args.fault == Fault::HangRank => ", until it is ended".to_owned(),
        _ => format!(", for {seconds} s"),
    };
    let fate = Fate { fault: args.fault, rank: rank.unwrap_or(world.saturating_sub(1)), seconds };
    let outlook = outlook(&fate, &cluster);
    let text = format!(
        "{fault} is asked for, of {whom}{time}\n{outlook}\n\
         `knowcoder status {root} --watch` shows how the run takes it, `knowcoder why {root}` what came of it\n"
    );
    let json = json!({
        "status": "asked", "run_dir": run_dir.root(), "fault": args.fault, "rank": rank,
        "seconds": seconds, "outlook": outlook, "file": path,
    });
    Ok(Answer::new(text, json))
}

/// How long a fault lasts that passes, where nobody says it: long enough to be noticed.
fn usual(fault: Fault, cluster: &Cluster) -> u64 {
    match fault {
        // Whoever notices ends the rank.
        Fault::HangRank => LONGEST,
        Fault::SlowRank => 180,
        Fault::CutLink => (3 * cluster.faults.lease).min(LONGEST),
        _ => 30,
    }
}

/// Whether a fault is over some time.
fn passes(fault: Fault) -> bool {
    matches!(fault, Fault::HangRank | Fault::SlowRank | Fault::CutLink)
}

/// With whom it goes wrong.
fn whom(fault: Fault, rank: Option<usize>) -> String {
    let rank = rank.map_or_else(|| "the last rank".to_owned(), |rank| format!("rank {rank}"));
    match fault {
        Fault::Preempt | Fault::TimeLimit => "the whole run".to_owned(),
        Fault::KillNode | Fault::CutLink => format!("the node of {rank}"),
        _ => rank,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_with_whom_it_goes_wrong() {
        for (fault, rank, expected) in [
            (Fault::FillDisk, Some(0), "rank 0"),
            (Fault::Nan, None, "the last rank"),
            (Fault::KillNode, Some(3), "the node of rank 3"),
            (Fault::CutLink, None, "the node of the last rank"),
            (Fault::Preempt, Some(3), "the whole run"),
        ] {
            assert_eq!(whom(fault, rank), expected);
        }
    }
}
