//! Whether one node reaches another, how fast, and what a port of a node is called from outside.
//!
//! One node listens and others come, one after another or all at once. Whoever does not begin with the
//! preflight's own digits is turned away.

use super::interfaces::address_of;
use super::{Answer, Trouble};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that travel with a length before them; a length of 0 ends them.
const PIECE: usize = 256 << 10;

/// Single bytes that go there and back; the fastest counts.
const PINGS: usize = 20;

/// How long bytes travel at most: a slow link is known long before all have.
const SENDING: Duration = Duration::from_secs(2);

/// How long a single read or write may take.
const STUCK: Duration = Duration::from_secs(4);

/// Most connections at a time; a node has one of each other at most.
const GUESTS: usize = 4096;

/// Where a node is to be found.
#[derive(Debug, Deserialize)]
pub struct Place {
    /// The network interface that others use; without it, the one that leads to `toward`.
    interface: Option<String>,
    /// An address that the node reaches, such as the coordinator's; without it, nobody else comes.
    toward: Option<String>,
    /// The port; without it, one that nobody has.
    port: Option<u16>,
}

/// What is asked of a node that listens.
#[derive(Debug, Deserialize)]
pub struct ListenAsked {
    #[serde(flatten)]
    place: Place,
    nonce: String,
    /// Seconds that it listens.
    seconds: u64,
}

/// What is asked of a node that comes.
#[derive(Debug, Deserialize)]
pub struct ConnectAsked {
    address: String,
    nonce: String,
    /// MiB to send at most.
    mib: usize,
}

/// Where a node was able to listen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// `host:port`.
    pub address: String,
}

/// A link in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Seconds of a byte: half of its way there and back.
    pub latency_seconds: f64,
    /// Bytes that arrive in a second.
    pub bytes_per_second: f64,
}

/// Listeners that have not ended: what their preflight is called, and their sign to end.
static OPEN: Mutex<Vec<(String, Arc<AtomicBool>)>> = Mutex::new(Vec::new());

impl Place {
    fn bind(&self) -> Answer<TcpListener> {
        let host = self.host()?;
        let address = SocketAddr::new(host, self.port.unwrap_or(0));
        TcpListener::bind(address).map_err(|error| {
            let trouble = Trouble::new(format!("cannot listen at {address}: {error}"));
            match error.kind() {
                io::ErrorKind::AddrInUse => trouble.way(format!(
                    "end the program that has the port (`ss -ltnp 'sport = :{}'`), or choose another",
                    address.port()
                )),
                _ => trouble,
            }
        })
    }

    /// Under which address others come.
    fn host(&self) -> Answer<IpAddr> {
        if let Some(name) = &self.interface {
            return Ok(address_of(name)?);
        }
        let Some(toward) = &self.toward else { return Ok(Ipv4Addr::LOCALHOST.into()) };
        let lost = |error: io::Error| {
            Trouble::new(format!("no route to the coordinator at {toward}: {error}"))
                .way("give [cluster] interface the network that all nodes are in")
        };
        // Nothing is sent: the system only chooses which way it would go.
        let local = |any: IpAddr| {
            let socket = UdpSocket::bind((any, 0))?;
            socket.connect(toward.as_str())?;
            Ok(socket.local_addr()?.ip())
        };
        local(Ipv4Addr::UNSPECIFIED.into())
            .or_else(|error: io::Error| local(Ipv6Addr::UNSPECIFIED.into()).map_err(|_| error))
            .map_err(lost)
    }
}

/// Whether the node could listen there.
pub fn port(place: &Place) -> Answer<Bound> {
    bound(&place.bind()?)
}

fn bound(listener: &TcpListener) -> Answer<Bound> {
    let address = listener.local_addr().map_err(|error| Trouble::new(error.to_string()))?;
    Ok(Bound { address: address.to_string() })
}

/// Listens on a thread, until the preflight is cleared or the time is up.
pub fn listen(wanted: &ListenAsked) -> Answer<Bound> {
    let listener = wanted.place.bind()?;
    let found = bound(&listener)?;
    let trouble = |error: io::Error| Trouble::new(format!("cannot listen: {error}"));
    listener.set_nonblocking(true).map_err(trouble)?;
    let is_over = Arc::new(AtomicBool::new(false));
    open().push((wanted.nonce.clone(), Arc::clone(&is_over)));
    let ends = Instant::now() + Duration::from_secs(wanted.seconds.min(300));
    let nonce = wanted.nonce.clone();
    let serve = move || {
        let guests = Arc::new(());
        while !is_over.load(Ordering::Relaxed) && Instant::now() < ends {
            match listener.accept() {
                Ok((stream, _)) if Arc::strong_count(&guests) <= GUESTS => {
                    let (nonce, guest) = (nonce.clone(), Arc::clone(&guests));
                    // Whoever cannot be served sees its connection end.
                    let _ = thread::Builder::new().spawn(move || {
                        let _guest = guest;
                        answer(stream, &nonce)
                    });
                }
                Ok(_) => {}
                Err(_) => thread::sleep(Duration::from_millis(2)),
            }
        }
        open().retain(|it| !Arc::ptr_eq(&it.1, &is_over));
    };
    thread::Builder::new().name("preflight-listen".to_owned()).spawn(serve).map_err(trouble)?;
    Ok(found)
}

/// Ends the listeners of a preflight.
pub fn end(nonce: &str) {
    open().iter().filter(|it| it.0 == nonce).for_each(|it| it.1.store(true, Ordering::Relaxed));
}

fn open() -> std::sync::MutexGuard<'static, Vec<(String, Arc<AtomicBool>)>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves one that comes: single bytes back, then all that it sends away.
fn answer(mut stream: TcpStream, nonce: &str) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    ready(&stream)?;
    let mut said = vec![0; nonce.len()];
    stream.read_exact(&mut said)?;
    if said != nonce.as_bytes() {
        return Ok(());
    }
    let mut byte = [0];
    for _ in 0..PINGS {
        stream.read_exact(&mut byte)?;
        stream.write_all(&byte)?;
    }
    let (mut length, mut piece) = ([0; 4], vec![0; PIECE]);
    loop {
        stream.read_exact(&mut length)?;
        match u32::from_le_bytes(length) as usize {
            0 => return stream.write_all(&byte),
            length if length <= PIECE => stream.read_exact(&mut piece[..length])?,
            _ => return Ok(()),
        }
    }
}

/// Reaches a node that listens, and measures the way.
pub fn connect(wanted: &ConnectAsked) -> Answer<Measured> {
    let ConnectAsked { address, nonce, mib } = wanted;
    let to: SocketAddr = address
        .parse()
        .map_err(|error| Trouble::new(format!("`{address}` is no address: {error}")))?;
    let stream = TcpStream::connect_timeout(&to, STUCK).map_err(|error| {
        let way = match error.kind() {
            io::ErrorKind::ConnectionRefused => "nothing listens there: a firewall refuses it",
            io::ErrorKind::TimedOut => "a firewall drops it, or it is another network",
            _ => "look at `ip route get` on both nodes",
        };
        Trouble::new(format!("no connection to {address}: {error}"))
            .way(format!("{way}; [cluster] interface names the network to use"))
    })?;
    measure(stream, nonce, (*mib).clamp(1, 1024) << 20)
        .map_err(|error| Trouble::new(format!("the connection to {address} broke: {error}")))
}

fn measure(mut stream: TcpStream, nonce: &str, bytes: usize) -> io::Result<Measured> {
    ready(&stream)?;
    stream.write_all(nonce.as_bytes())?;
    let (mut byte, mut fastest) = ([1], Duration::MAX);
    for _ in 0..PINGS {
        let sent = Instant::now();
        stream.write_all(&byte)?;
        stream.read_exact(&mut byte)?;
        fastest = fastest.min(sent.elapsed());
    }
    let piece = vec![7; PIECE];
    let (started, mut sent) = (Instant::now(), 0);
    while sent < bytes && started.elapsed() < SENDING {
        stream.write_all(&(PIECE as u32).to_le_bytes())?;
        stream.write_all(&piece)?;
        sent += PIECE;
    }
    stream.write_all(&[0; 4])?;
    stream.read_exact(&mut byte)?;
    let seconds = started.elapsed().as_secs_f64().max(1e-9);
    Ok(Measured {
        latency_seconds: fastest.as_secs_f64() / 2.0,
        bytes_per_second: sent as f64 / seconds,
    })
}

fn ready(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(STUCK))?;
    stream.set_write_timeout(Some(STUCK))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::probe;
    use super::*;
    use serde_json::{Value, json};

    fn said(value: &Value) -> String {
        value["error"].as_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_link_is_measured_and_its_listener_ends() {
        let nonce = "aa11bb22cc33dd44";
        let listening = probe("listen", &json!({"nonce": nonce, "seconds": 60}));
        let address = listening["address"].as_str().unwrap().to_owned();
        let connect =
            |nonce: &str| probe("connect", &json!({"address": address, "nonce": nonce, "mib": 2}));
        for _ in 0..2 {
            let found = connect(nonce);
            assert!(found["bytes_per_second"].as_f64().unwrap() > 0.0, "{found}");
            assert!(found["latency_seconds"].as_f64().unwrap() > 0.0, "{found}");
        }
        let stranger = connect("0000000000000000");
        assert!(said(&stranger).contains("broke"), "{stranger}");
        end(nonce);
        let patience = Instant::now() + Duration::from_secs(30);
        while open().iter().any(|it| it.0 == nonce) {
            assert!(Instant::now() < patience, "it still listens");
            thread::sleep(Duration::from_millis(5));
        }
        let gone = connect(nonce);
        assert!(said(&gone).starts_with(&format!("no connection to {address}: ")), "{gone}");
        assert!(gone["way"].as_str().unwrap().contains("interface"), "{gone}");
    }

    #[test]
    fn a_port_that_is_taken_and_an_interface_that_is_not_there_are_said() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let number = taken.local_addr().unwrap().port();
        let found = probe("port", &json!({"port": number}));
        let start = format!("cannot listen at 127.0.0.1:{number}: Address already in use");
        assert!(said(&found).starts_with(&start), "{found}");
        assert!(found["way"].as_str().unwrap().contains("ss -ltnp"), "{found}");
        drop(taken);
        let found = probe("port", &json!({"interface": "no0"}));
        assert!(said(&found).starts_with("there is no interface `no0`"), "{found}");
        let found = probe("port", &json!({"toward": "127.0.0.1:9"}));
        assert!(found["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{found}");
    }
}
