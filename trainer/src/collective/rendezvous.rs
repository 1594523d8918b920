//! How ranks find each other: rank 0 hosts, the others visit.
//!
//! A visitor brings the address at which it waits for its neighbour; when everybody is there, rank
//! 0 hands out the table, and each rank connects to the next one. Strangers are turned away and do
//! not hold anybody up; who has not come by the deadline is named.

use super::hello::{self, Identity, Line, Secret};
use super::ring::TcpRing;
use super::{Collective, CollectiveError, Control, Deadlines, Solo};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long one connection may take to introduce itself, so that a silent one blocks nobody.
const GREETING: Duration = Duration::from_secs(5);

/// How long one attempt to connect may stay without any answer: the system has asked twice by then.
const ANSWER: Duration = Duration::from_secs(3);

/// Between two looks at something that is not there yet.
const PAUSE: Duration = Duration::from_millis(10);

/// Between two questions for a name that is not known yet, such as that of a pod that just starts.
const UNKNOWN: Duration = Duration::from_millis(250);

/// What a rank brings to the rendezvous.
#[derive(Clone, Debug)]
pub struct Membership {
    /// Who it is.
    pub identity: Identity,
    /// What proves it.
    pub secret: Secret,
    /// How long it waits.
    pub deadlines: Deadlines,
    /// Set when it is asked to stop: from then on it waits for nobody.
    pub stop: Option<&'static AtomicBool>,
}

impl Membership {
    fn is_asked(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Until when it waits for all.
    fn deadline(&self) -> Instant {
        Instant::now() + self.deadlines.join
    }

    fn line<'a>(&self, stream: &'a TcpStream, deadline: Instant) -> Line<'a> {
        Line { stream, deadline, stop: self.stop }
    }
}

/// Joins the run at `address` (`host:port`), where rank 0 hosts; a world of one needs nobody.
pub fn join(
    address: &str,
    membership: &Membership,
) -> Result<Box<dyn Collective>, CollectiveError> {
    Ok(meet(address, membership)?)
}

/// The same, for a collective that other carriers are built upon.
pub fn meet(address: &str, membership: &Membership) -> Result<Box<dyn Control>, CollectiveError> {
    let Identity { rank, world, .. } = membership.identity;
    assert!(rank < world, "rank {rank} is not in a world of {world}");
    if world == 1 {
        return Ok(Box::new(Solo));
    }
    let ring = match rank {
        0 => bind(address)
            .map_err(network(rank, || format!("listen at {address}")))
            .and_then(|listener| host(listener, membership)),
        _ => visit(address, membership),
    };
    match ring {
        Ok(ring) => Ok(Box::new(ring)),
        // Whatever failed then, it failed because nobody waited for it.
        Err(_) if membership.is_asked() => Err(CollectiveError::Asked { rank }),
        Err(error) => Err(error),
    }
}

/// Listens at `address`. A name may mean another interface here than elsewhere, often only loopback: under
/// a name, all of them are listened at.
fn bind(address: &str) -> io::Result<TcpListener> {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let is_literal = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if is_literal || host == "localhost" {
        return TcpListener::bind(address);
    }
    let port = port.parse().map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "an address is a name or number, `:`, and a port",
        )
    })?;
    let is_old = address.to_socket_addrs()?.any(|it| it.is_ipv4());
    let all: IpAddr =
        if is_old { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    TcpListener::bind((all, port))
}

/// Rank 0's part: waits at `listener` for everybody else.
pub fn host(listener: TcpListener, membership: &Membership) -> Result<TcpRing, CollectiveError> {
    let deadline = membership.deadline();
    let here = listener.local_addr().map_err(network(0, || "listen".to_owned()))?;
    let ring = listen(here.ip())?;
    let mut guests: Vec<Option<Guest>> = (1..membership.identity.world).map(|_| None).collect();
    while guests.iter().any(Option::is_none) {
        let Some((stream, address)) = accept(&listener, deadline, || membership.is_asked()) else {
            return Err(incomplete(here, &guests, membership));
        };
        if let Err(reason) = receive_guest(stream, &mut guests, membership) {
            tracing::warn!("turned {address} away: {reason:?}");
        }
    }
    let guests: Vec<Guest> = guests.into_iter().flatten().collect();
    let mut own = ring.local_addr().map_err(network(0, || "listen".to_owned()))?;
    // The last rank will connect to this one: where it has reached it, it will do so again.
    if let Some(Guest { stream, .. }) = guests.last() {
        own.set_ip(stream.local_addr().map_err(network(0, || "listen".to_owned()))?.ip());
    }
    let mut table = vec![own];
    table.extend(guests.iter().map(|guest| guest.address));
    let message = serde_json::to_vec(&table)
        .map_err(|error| network(0, || "write the table of addresses".to_owned())(error.into()))?;
    for (index, Guest { stream, .. }) in guests.iter().enumerate() {
        membership
            .line(stream, deadline)
            .send(&message)
            .map_err(network(0, || format!("send the table of addresses to rank {}", index + 1)))?;
    }
    form(&ring, &table, membership, deadline)
}

/// The part of every other rank: brings its address to `address`, returns with its place.
pub fn visit(address: &str, membership: &Membership) -> Result<TcpRing, CollectiveError> {
    let rank = membership.identity.rank;
    let deadline = membership.deadline();
    let stream = connect(address, deadline, membership)
        .map_err(network(rank, || format!("reach rank 0 at {address}")))?;
    let line = membership.line(&stream, deadline);
    let host = hello::greet(&line, &membership.identity, &membership.secret)
        .map_err(|reason| reason.about(rank, address))?;
    if host.rank != 0 {
        let reason = format!("rank {} listens there, not rank 0", host.rank);
        return Err(CollectiveError::Refused { rank, address: address.to_owned(), reason });
    }
    // Where rank 0 sees us, the others see us too.
    let own = stream.local_addr().map_err(network(rank, || "find its own address".to_owned()))?;
    let ring = listen(own.ip())?;
    let own = ring.local_addr().map_err(network(rank, || "listen".to_owned()))?;
    let waiting = || format!("learn the addresses of the others from rank 0 at {address}");
    line.send(own.to_string().as_bytes()).map_err(network(rank, waiting))?;
    let message = line.receive().map_err(network(rank, waiting))?;
    let table: Vec<SocketAddr> =
        serde_json::from_slice(&message).map_err(|error| network(rank, waiting)(error.into()))?;
    if table.len() != membership.identity.world {
        let reason = format!("its table has {} ranks", table.len());
        return Err(CollectiveError::Refused { rank, address: address.to_owned(), reason });
    }
    form(&ring, &table, membership, deadline)
}

/// A whole world inside this process, over loopback.
pub(super) fn within_process(
    world: usize,
    deadlines: Deadlines,
) -> Result<Vec<TcpRing>, CollectiveError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .map_err(network(0, || "listen at 127.0.0.1".to_owned()))?;
    let address = listener.local_addr().map_err(network(0, || "listen".to_owned()))?.to_string();
    let secret = Secret::random().map_err(network(0, || "make a secret".to_owned()))?;
    let membership = |rank| Membership {
        identity: Identity {
            run: "threads".to_owned(),
            generation: 0,
            rank,
            world,
            program: String::new(),
        },
        secret: secret.clone(),
        deadlines,
        stop: None,
    };
    thread::scope(|scope| {
        let visitors: Vec<_> = (1..world)
            .map(|rank| {
                let (membership, address) = (membership(rank), address.as_str());
                scope.spawn(move || visit(address, &membership))
            })
            .collect();
        let first = host(listener, &membership(0));
        std::iter::once(first).chain(visitors.into_iter().map(joined)).collect()
    })
}

/// A rank that has come and waits for the table.
#[derive(Debug)]
struct Guest {
    stream: TcpStream,
    address: SocketAddr,
}

fn receive_guest(
    stream: TcpStream,
    guests: &mut [Option<Guest>],
    membership: &Membership,
) -> Result<(), hello::Reason> {
    let line = membership.line(&stream, greeting(membership));
    let admits = |other: &Identity| match guests.get(other.rank.wrapping_sub(1)) {
        Some(None) => Ok(()),
        Some(Some(_)) => Err(format!("rank {} is here already", other.rank)),
        None => Err(format!("there is no place for rank {}", other.rank)),
    };
    let other = hello::welcome(&line, &membership.identity, &membership.secret, admits)?;
    let address = String::from_utf8_lossy(&line.receive()?).parse();
    let address = address.map_err(|_| hello::Reason::from("its address is not one"))?;
    guests[other.rank - 1] = Some(Guest { stream, address });
    Ok(())
}

/// Connects to the next rank while the previous one connects to us.
fn form(
    listener: &TcpListener,
    table: &[SocketAddr],
    membership: &Membership,
    deadline: Instant,
) -> Result<TcpRing, CollectiveError> {
    let Identity { rank, world, .. } = membership.identity;
    let next = (rank + 1) % world;
    let given_up = AtomicBool::new(false);
    let (to_next, from_prev) = thread::scope(|scope| {
        let from_prev = scope.spawn(|| await_prev(listener, membership, deadline, &given_up));
        let to_next = meet_next(table[next], next, membership, deadline);
        given_up.store(to_next.is_err(), Ordering::Relaxed);
        (to_next, joined(from_prev))
    });
    TcpRing::new(&membership.identity, to_next?, from_prev?, membership.deadlines)
        .map_err(network(rank, || "prepare its connections".to_owned()))
}

fn meet_next(
    address: SocketAddr,
    next: usize,
    membership: &Membership,
    deadline: Instant,
) -> Result<TcpStream, CollectiveError> {
    let rank = membership.identity.rank;
    let address = address.to_string();
    let stream = connect(&address, deadline, membership)
        .map_err(network(rank, || format!("reach rank {next} at {address}")))?;
    let line = membership.line(&stream, deadline);
    let other = hello::greet(&line, &membership.identity, &membership.secret)
        .map_err(|reason| reason.about(rank, &address))?;
    if other.rank != next {
        let reason = format!("rank {} listens there, not rank {next}", other.rank);
        return Err(CollectiveError::Refused { rank, address, reason });
    }
    Ok(stream)
}

fn await_prev(
    listener: &TcpListener,
    membership: &Membership,
    deadline: Instant,
    given_up: &AtomicBool,
) -> Result<TcpStream, CollectiveError> {
    let Identity { rank, world, .. } = membership.identity;
    let prev = (rank + world - 1) % world;
    loop {
        let is_over = || given_up.load(Ordering::Relaxed) || membership.is_asked();
        let Some((stream, address)) = accept(listener, deadline, is_over) else {
            return Err(CollectiveError::Network {
                rank,
                what: format!("hear from rank {prev} before the deadline"),
                source: io::ErrorKind::TimedOut.into(),
            });
        };
        let line = membership.line(&stream, greeting(membership));
        let admits = |other: &Identity| {
            if other.rank == prev { Ok(()) } else { Err(format!("rank {prev} is awaited here")) }
        };
        match hello::welcome(&line, &membership.identity, &membership.secret, admits) {
            Ok(_) => return Ok(stream),
            Err(reason) => tracing::warn!("turned {address} away: {reason:?}"),
        }
    }
}

/// Connects to `address`, again and again while nobody listens there yet and we are not asked to stop.
fn connect(address: &str, deadline: Instant, membership: &Membership) -> io::Result<TcpStream> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || membership.is_asked() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        let mut pause = PAUSE;
        let known = address.to_socket_addrs().unwrap_or_else(|error| {
            (last, pause) = (error, UNKNOWN);
            Vec::new().into_iter()
        });
        for address in known {
            match TcpStream::connect_timeout(&address, left.min(ANSWER)) {
                // While nobody listens, TCP may connect a port of ours to itself.
                Ok(stream) if stream.local_addr()? == stream.peer_addr()? => {}
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        if Instant::now() + pause >= deadline {
            return Err(last);
        }
        thread::sleep(pause);
    }
}

/// The next connection, or nothing at the deadline or when it `is_over` before.
fn accept(
    listener: &TcpListener,
    deadline: Instant,
    is_over: impl Fn() -> bool,
) -> Option<(TcpStream, SocketAddr)> {
    listener.set_nonblocking(true).ok()?;
    while Instant::now() < deadline && !is_over() {
        match listener.accept() {
            Ok((stream, address)) if stream.set_nonblocking(false).is_ok() => {
                return Some((stream, address));
            }
            // A connection that was given up before we looked is nobody's concern.
            _ => thread::sleep(PAUSE),
        }
    }
    None
}

/// Until when a connection may introduce itself.
fn greeting(membership: &Membership) -> Instant {
    Instant::now() + GREETING.min(membership.deadlines.join / 4)
}

fn listen(address: IpAddr) -> Result<TcpListener, CollectiveError> {
    TcpListener::bind((address, 0)).map_err(network(0, || format!("listen at {address}")))
}

fn incomplete(
    address: SocketAddr,
    guests: &[Option<Guest>],
    membership: &Membership,
) -> CollectiveError {
    let missing: Vec<String> = guests
        .iter()
        .enumerate()
        .filter(|(_, guest)| guest.is_none())
        .map(|(index, _)| (index + 1).to_string())
        .collect();
    CollectiveError::Incomplete {
        address: address.to_string(),
        world: membership.identity.world,
        missing: format!("rank{} {}", if missing.len() > 1 { "s" } else { "" }, missing.join(", ")),
        seconds: membership.deadlines.join.as_secs_f64(),
    }
}

fn network(
    rank: usize,
    what: impl FnOnce() -> String,
) -> impl FnOnce(io::Error) -> CollectiveError {
    move |source| CollectiveError::Network { rank, what: what(), source }
}

/// The result of a thread; its panic goes on here.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
