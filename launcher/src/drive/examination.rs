//! All nodes of a crew, looked at: before a run, or without one.

use super::asker::Asker;
use super::{absence, heard, transient};
use crate::backend;
use crate::cluster::Cluster;
use crate::crew::{Admission, Crew, Member, News};
use crate::error::Error;
use crate::events::Events;
use crate::preflight::{Report, Wanted, examine};
use std::path::Path;
use std::time::{Duration, Instant};
use trainer::collective::Secret;

/// Looks at all nodes of a crew that are there, for a run in `run_dir`.
pub async fn examined(
    crew: &mut Crew,
    run_dir: &Path,
    wanted: Wanted,
    events: &mut Events,
) -> Result<Report, Error> {
    let present = |(_, member): &(usize, &Member)| member.is_present();
    let members = crew.members().iter().enumerate().filter(present);
    let (nodes, names): (Vec<usize>, Vec<String>) =
        members.map(|(node, member)| (node, member.name.clone())).unzip();
    let toward = crew.address().map(str::to_owned);
    let mut asker = Asker { crew, nodes, news: Vec::new() };
    let report = examine(&mut asker, &names, run_dir, wanted, toward.as_deref()).await;
    for (node, news) in std::mem::take(&mut asker.news) {
        heard(events, asker.crew, node, &news)?;
    }
    report
}

/// Makes the nodes of `cluster` come, looks at them for a run in `run_dir`, and lets them go: no run is begun.
pub fn look(cluster: &Cluster, run_dir: &Path, wanted: Wanted) -> Result<Report, Error> {
    let folder = tempfile::tempdir().map_err(transient("make a temporary folder"))?;
    let secret = folder.path().join("secret");
    Secret::create(&secret)?;
    let secret = std::fs::read_to_string(&secret).map_err(transient("read a secret"))?;
    let admission = Admission {
        run: "preflight".to_owned(),
        secret,
        lease: cluster.faults.lease,
        join: cluster.deadlines.join.as_secs(),
    };
    let program = std::env::current_exe().map_err(transient("find the program itself"))?;
    let mut events = Events::open(&folder.path().join("events.jsonl"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(transient("start the preflight"))?;
    runtime.block_on(async {
        let nodes = backend::nodes(cluster, run_dir);
        let mut crew = Crew::gather(nodes, admission, &program, folder.path()).await?;
        let until = Instant::now() + cluster.deadlines.join;
        let mut reasons: Vec<(usize, String)> = Vec::new();
        let is_there = |crew: &Crew| crew.members().iter().filter(|it| it.is_present()).count();
        while is_there(&crew) + reasons.len() < crew.members().len() && Instant::now() < until {
            let next = tokio::time::timeout(Duration::from_millis(50), crew.next()).await;
            if let Ok((node, News::Absent(words))) = next {
                reasons.push((node, words));
            }
            crew.look(Instant::now());
        }
        let absent: Vec<&Member> = crew.members().iter().filter(|it| !it.is_present()).collect();
        if let Some(member) = absent.first() {
            let name = &member.name;
            let why = reasons.iter().find(|(node, _)| crew.members()[*node].name == *name);
            let why = why.map_or("no word of it came", |(_, words)| words.as_str());
            return Err(absence(&format!("node {name}"), why, member.refusal.clone()));
        }
        let report = examined(&mut crew, run_dir, wanted, &mut events).await;
        crew.dismiss();
        crew.gone(Duration::from_secs(5)).await;
        report
    })
}
