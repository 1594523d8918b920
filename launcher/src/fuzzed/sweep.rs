//! Sweeps: the file that asks, and the log of what happened.

use super::{configs, read_files};
use crate::cluster::Cluster;
use crate::sweep::definition::Sweep;
use crate::sweep::log::{Log, read};
use crate::sweep::state::State;
use crate::sweep::{Folder, Setting, page, summary};

/// A search, over the quick start whatever recipe it names: no file of this machine is the input's to read.
pub fn definition(text: &str) -> bool {
    let recipe = format!("recipe = {:?}", configs().join("quickstart.toml"));
    let lines = text.lines().map(|line| match line.split_once('=') {
        Some((key, _)) if key.trim() == "recipe" => &recipe,
        _ => line,
    });
    let text = lines.collect::<Vec<&str>>().join("\n");
    read_files(&[("sweep.toml", text.as_bytes())], |folder| {
        Sweep::load(&folder.join("sweep.toml")).is_ok_and(|sweep| sweep.essence().is_object())
    })
}

/// The log of the search that we ship; whatever stands in it, there is a page and a table.
pub fn log(bytes: &[u8]) -> bool {
    thread_local! {
        static OURS: Option<Sweep> = Sweep::load(&configs().join("sweeps/quickstart.toml")).ok();
    }
    let Some(sweep) = OURS.with(Clone::clone) else { panic!("our own search is not read") };
    read_files(&[("sweep.jsonl", bytes)], |folder| {
        let folder = Folder(folder.to_owned());
        // A torn line at its end goes first, as before anything is added.
        if Log::open(&folder.log()).is_err() {
            return false;
        }
        let Ok(lines) = read(&folder.log()) else { return false };
        let state = State::of(&lines, &sweep);
        let cluster = Cluster::of_this_machine();
        let data_root = folder.0.clone();
        let setting =
            Setting { sweep, folder, cluster_file: None, cluster, data_root, cache_dir: None };
        page::html(&setting, &state, &lines);
        summary::text(&setting, &state);
        summary::document(&setting, &state);
        summary::csv(&setting.sweep, &state);
        !state.trials.is_empty()
    })
}
