//! Where agents connect, and what flows over a connection once it is let in.

use super::Heard;
use crate::error::{Error, exit};
use crate::wire::{Invitation, Order, Report};
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use trainer::collective::hello::{admit, program_fingerprint};
use trainer::collective::{Identity, Secret};

/// How long a stranger may take to prove that it is none.
const GREETING: Duration = Duration::from_secs(10);

/// Who is let in.
#[derive(Clone)]
pub struct Admission {
    /// Name of the run.
    pub run: String,
    /// As the run's file has it.
    pub secret: String,
    /// Seconds that an agent may work on without a word.
    pub lease: u64,
    /// Seconds that agents have to come.
    pub join: u64,
}

/// Where agents connect.
pub struct Gate {
    admission: Admission,
    address: String,
    nodes: usize,
    accepting: JoinHandle<()>,
}

impl Gate {
    /// Listens; what comes is told through `voice`.
    pub async fn open(
        (address, port): (IpAddr, u16),
        host: &str,
        admission: Admission,
        nodes: usize,
        voice: mpsc::UnboundedSender<(usize, Heard)>,
    ) -> Result<Self, Error> {
        let refuse = |what: &str, error: &dyn std::fmt::Display| {
            Error::new(exit::TRANSIENT, format!("failed to {what}: {error}"))
        };
        let listener = TcpListener::bind((address, port))
            .await
            .map_err(|error| refuse(&format!("listen for agents at {address}:{port}"), &error))?;
        let port = listener.local_addr().map_err(|error| refuse("listen", &error))?.port();
        let secret = Secret::parse(&admission.secret)
            .map_err(|reason| refuse("use the run's secret", &format!("it {reason}")))?;
        let me = identity(&admission.run, 0, nodes)
            .map_err(|error| refuse("read this program", &error))?;
        let accepting = tokio::spawn(accept(listener, me, secret, voice));
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        Ok(Self { admission, address: format!("{host}:{port}"), nodes, accepting })
    }

    /// What the agent of a node must know.
    pub fn invitation(&self, node: usize, name: &str) -> Invitation {
        let Admission { run, secret, lease, join } = self.admission.clone();
        Invitation {
            coordinator: self.address.clone(),
            run,
            node,
            name: name.to_owned(),
            nodes: self.nodes,
            secret,
            lease,
            join,
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Who an agent or a coordinator is: an agent's rank is its node. All are of one build.
pub fn identity(run: &str, node: usize, nodes: usize) -> std::io::Result<Identity> {
    Ok(Identity {
        run: format!("{run}: agents"),
        generation: 0,
        rank: node,
        world: nodes,
        program: program_fingerprint()?,
    })
}

async fn accept(
    listener: TcpListener,
    me: Identity,
    secret: Secret,
    voice: mpsc::UnboundedSender<(usize, Heard)>,
) {
    // 0 is nobody's, 1 that of an agent in this process.
    let mut connection = 1;
    loop {
        let Ok((stream, address)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        connection += 1;
        let (number, voice) = (connection, voice.clone());
        let (me, secret) = (me.clone(), secret.clone());
        tokio::spawn(async move {
            match welcome(stream, &address.to_string(), me, secret).await {
                Ok((node, stream)) => follow(node, number, stream, voice),
                Err(reason) => tracing::warn!("turned {address} away: {reason}"),
            }
        });
    }
}

/// Hears who it is, on a thread that may wait.
async fn welcome(
    stream: TcpStream,
    address: &str,
    me: Identity,
    secret: Secret,
) -> Result<(usize, TcpStream), String> {
    let address = address.to_owned();
    let stream = stream.into_std().map_err(|error| error.to_string())?;
    let greeting = move || {
        stream.set_nonblocking(false).map_err(|error| error.to_string())?;
        let other =
            admit(&stream, &address, &me, &secret, GREETING).map_err(|error| error.to_string())?;
        stream.set_read_timeout(None).map_err(|error| error.to_string())?;
        stream.set_write_timeout(None).map_err(|error| error.to_string())?;
        stream.set_nonblocking(true).map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok::<_, String>((other.rank, stream))
    };
    let (node, stream) =
        tokio::task::spawn_blocking(greeting).await.map_err(|error| error.to_string())??;
    Ok((node, TcpStream::from_std(stream).map_err(|error| error.to_string())?))
}

/// Passes orders to an agent and reports to the crew, until the connection ends.
pub fn follow(
    node: usize,
    connection: u64,
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    voice: mpsc::UnboundedSender<(usize, Heard)>,
) {
    let (reader, mut writer) = tokio::io::split(stream);
    let (orders, mut queue) = mpsc::unbounded_channel::<Order>();
    let _ = voice.send((node, Heard::Connected(connection, orders)));
    tokio::spawn(async move {
        while let Some(order) = queue.recv().await {
            let mut line = serde_json::to_vec(&order).unwrap_or_default();
            line.push(b'\n');
            if writer.write_all(&line).await.is_err() || writer.flush().await.is_err() {
                return;
            }
        }
        // The crew has given it up.
        let _ = writer.shutdown().await;
    });
    tokio::spawn(async move {
        let mut lines = BufReader::new(reader).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let Ok(report) = serde_json::from_str::<Report>(&line) else { break };
            if voice.send((node, Heard::Report(connection, report))).is_err() {
                return;
            }
        }
        let _ = voice.send((node, Heard::Closed(connection)));
    });
}
