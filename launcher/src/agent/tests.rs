//! An agent without a coordinator.

#![allow(clippy::unwrap_used)]

use super::*;
use tokio::io::AsyncReadExt;

fn post(lease: Option<Duration>) -> Post {
    let last_words = Duration::from_millis(200);
    Post { lease, ..Post::here(PathBuf::from("/bin/sh"), last_words) }
}

#[test]
fn a_lease_that_lapses_ends_the_agent_and_its_ranks() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (near, far) = tokio::io::duplex(1 << 16);
        let (_calls, listener) = mpsc::unbounded_channel();
        let agent = serve(far, post(Some(Duration::from_millis(400))), listener);
        let agent = tokio::spawn(agent);
        let (mut reader, mut writer) = tokio::io::split(near);
        let worker = crate::plan::Worker {
            rank: 7,
            arguments: ["-c", "echo $KNOWCODER_LEASE; sleep 60"].map(Into::into).to_vec(),
            environment: Vec::new(),
        };
        let order = Order::Start { generation: 1, workers: vec![worker] };
        let line = format!("{}\n", serde_json::to_string(&order).unwrap());
        writer.write_all(line.as_bytes()).await.unwrap();
        let farewell = tokio::time::timeout(Duration::from_secs(20), agent).await.unwrap();
        assert_eq!(farewell.unwrap(), Farewell::Expired(Duration::from_millis(400)));
        let mut said = String::new();
        reader.read_to_string(&mut said).await.unwrap();
        assert!(said.contains("knowcoder-lease-"), "{said}");
        let process = said.split("\"process\":").nth(2).unwrap();
        let process: i32 = process.split(['}', ',']).next().unwrap().parse().unwrap();
        assert!(!is_alive(process), "{said}");
    });
}

#[test]
fn who_started_it_is_gone_and_so_is_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (_near, far) = tokio::io::duplex(1 << 16);
        let (calls, listener) = mpsc::unbounded_channel();
        calls.send(Call::Abandoned).unwrap();
        assert_eq!(serve(far, post(None), listener).await, Farewell::Abandoned);
    });
}

/// The state of a process in the kernel's letter.
fn state(process: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[test]
fn a_node_that_is_cut_off_says_nothing_while_the_cut_lasts() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (near, far) = tokio::io::duplex(1 << 16);
        let (_calls, listener) = mpsc::unbounded_channel();
        let agent = serve(far, post(Some(Duration::from_millis(500))), listener);
        let agent = tokio::spawn(agent);
        let (reader, mut writer) = tokio::io::split(near);
        let mut lines = BufReader::new(reader).lines();
        let chatty = "while :; do echo here; sleep 0.05; done";
        let worker = crate::plan::Worker {
            rank: 7,
            arguments: ["-c", chatty].map(Into::into).to_vec(),
            environment: Vec::new(),
        };
        let cut = Instant::now();
        for order in
            [Order::Start { generation: 1, workers: vec![worker] }, Order::Deaf { seconds: 4 }]
        {
            let line = format!("{}\n", serde_json::to_string(&order).unwrap());
            writer.write_all(line.as_bytes()).await.unwrap();
        }
        let mut process = None;
        let quiet = Duration::from_millis(800);
        // What was on its way comes; then neither words, nor beats, nor the end.
        while let Ok(line) = tokio::time::timeout(quiet, lines.next_line()).await {
            let line = line.unwrap().unwrap();
            if let Report::Started { process: it, .. } = serde_json::from_str(&line).unwrap() {
                process = Some(it as i32);
            }
        }
        // The lease has lapsed long ago: its rank is there, and does not move.
        let process = process.unwrap();
        if cut.elapsed() < Duration::from_secs(3) {
            // A shell that was stopped within a fork waits for its child, which is stopped, too.
            let state = state(process);
            assert!(matches!(state, Some('T' | 'D')), "{state:?}");
        }
        let farewell = tokio::time::timeout(Duration::from_secs(20), agent).await.unwrap();
        assert_eq!(farewell.unwrap(), Farewell::Expired(Duration::from_millis(500)));
        assert!(cut.elapsed() >= Duration::from_secs(4), "{:?}", cut.elapsed());
        assert!(!is_alive(process));
        let rest = lines.next_line().await.unwrap();
        assert_eq!(rest, None, "what was held back is nobody's any more");
    });
}

#[test]
fn after_a_short_cut_all_goes_on() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (near, far) = tokio::io::duplex(1 << 16);
        let (_calls, listener) = mpsc::unbounded_channel();
        tokio::spawn(serve(far, post(Some(Duration::from_secs(60))), listener));
        let (reader, mut writer) = tokio::io::split(near);
        let mut lines = BufReader::new(reader).lines();
        let worker = crate::plan::Worker {
            rank: 7,
            arguments: ["-c", "sleep 0.3; echo here; exit 5"].map(Into::into).to_vec(),
            environment: Vec::new(),
        };
        for order in
            [Order::Start { generation: 1, workers: vec![worker] }, Order::Deaf { seconds: 1 }]
        {
            let line = format!("{}\n", serde_json::to_string(&order).unwrap());
            writer.write_all(line.as_bytes()).await.unwrap();
        }
        let is_end = |report: &Report| matches!(report, Report::Ended { code: Some(5), .. });
        let mut reports: Vec<Report> = Vec::new();
        while !reports.iter().any(is_end) {
            let line = tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await;
            reports.push(serde_json::from_str(&line.unwrap().unwrap().unwrap()).unwrap());
        }
        let is_word =
            |report: &&Report| matches!(report, Report::Said { line, .. } if line == "here");
        assert_eq!(reports.iter().filter(is_word).count(), 1, "{reports:?}");
    });
}
