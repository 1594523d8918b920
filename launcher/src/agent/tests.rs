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
