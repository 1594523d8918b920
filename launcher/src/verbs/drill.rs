//! `knowcoder drill`: makes something go wrong in a run that goes on.

use super::Answer;
use super::submit::{absolute, shown};
use crate::cli;
use crate::error::{Error, exit};
use crate::standing::now::Now;
use clap::ValueEnum;
use data_pipeline::predictions::replace_among_others;
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
    if !(1..=LONGEST).contains(&args.seconds) {
        let message = format!("--seconds {}: it must be between 1 and {LONGEST}", args.seconds);
        return Err(Error::new(exit::DECLARATION, message));
    }
    let folder = run_dir.root().join("drill");
    std::fs::create_dir_all(&folder).map_err(data_pipeline::Error::write(&folder))?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let path = folder.join(format!("{}.json", since.as_nanos()));
    let wish = json!({"fault": args.fault, "rank": args.rank, "seconds": args.seconds});
    replace_among_others(&path, wish.to_string().as_bytes())?;
    let fault =
        args.fault.to_possible_value().map_or_else(String::new, |it| it.get_name().to_owned());
    let whom = match (args.rank, args.fault) {
        (Some(rank), _) => format!("rank {rank}"),
        // Only rank 0 writes checkpoints in every world.
        (None, cli::Fault::FillDisk) => "rank 0".to_owned(),
        (None, _) => "the last rank".to_owned(),
    };
    let text = format!(
        "{fault} is asked for, of {whom}\n\
         `knowcoder status {root} --watch` shows how the run takes it, `knowcoder why {root}` what came of it\n"
    );
    let json = json!({
        "status": "asked", "run_dir": run_dir.root(), "fault": args.fault, "rank": args.rank,
        "seconds": args.seconds, "file": path,
    });
    Ok(Answer::new(text, json))
}
