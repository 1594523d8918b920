//! Under which address other machines reach this one.

use crate::error::{Error, exit};
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

/// A port to name while a route is looked up; nothing is sent there.
const ANY_PORT: u16 = 9;

/// The address of a network interface of this machine, IPv4 where it has both.
pub fn of_interface(name: &str) -> Result<IpAddr, Error> {
    let all = interfaces().map_err(|error| {
        let message = format!("failed to list the network interfaces of this machine: {error}");
        Error::new(exit::TRANSIENT, message)
    })?;
    choose(&all, name)
}

/// The address that this machine has on its route to `host`, a name or an address.
pub fn towards(host: &str) -> Result<IpAddr, Error> {
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
    let peers: Vec<SocketAddr> = match (bare, ANY_PORT).to_socket_addrs() {
        Ok(peers) => peers.collect(),
        Err(error) => return Err(unresolved(host, &error)),
    };
    let mut why = "it has no address".to_owned();
    // Names may have addresses of a kind that this machine has no route for.
    for peer in peers {
        match route(peer) {
            Ok(address) => return Ok(address),
            Err(error) => why = format!("{}: {error}", peer.ip()),
        }
    }
    let message = format!("this machine has no route to `{host}` ({why})");
    Err(Error::new(exit::TRANSIENT, message).hint(interfaces_there_are()))
}

/// Whether `address` is one of this machine's.
pub fn is_here(address: IpAddr) -> bool {
    // Only who has an address can listen there.
    UdpSocket::bind((address, 0)).is_ok()
}

/// The local end of a socket that would send to `peer`; the kernel's routes choose it, nothing is sent.
fn route(peer: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(peer)?;
    Ok(socket.local_addr()?.ip())
}

fn unresolved(host: &str, error: &io::Error) -> Error {
    let message = format!("the name `{host}` cannot be resolved: {error}");
    // A name server that does not answer now may answer later.
    let code = match message.contains("Temporary failure") {
        true => exit::TRANSIENT,
        false => exit::BACKEND,
    };
    Error::new(code, message).hint("check the name, or write the address in its place")
}

/// The one that `name` means, of all pairs of an interface and an address.
fn choose(all: &[(String, IpAddr)], name: &str) -> Result<IpAddr, Error> {
    let own = || all.iter().filter(|(interface, _)| interface == name).map(|(_, address)| *address);
    let usable = |address: &IpAddr| match address {
        IpAddr::V4(_) => true,
        // Of use only together with the name of an interface of the machine that connects.
        IpAddr::V6(address) => !address.is_unicast_link_local(),
    };
    let found = own().find(IpAddr::is_ipv4).or_else(|| own().find(usable));
    found.ok_or_else(|| {
        let message = match own().next() {
            None => format!("this machine has no network interface `{name}` with an address"),
            Some(address) => {
                format!(
                    "the network interface `{name}` has no address but the link's own, {address}"
                )
            }
        };
        Error::new(exit::BACKEND, message).hint(format!("there are {}", listed(all)))
    })
}

/// A hint that names the interfaces of this machine.
fn interfaces_there_are() -> String {
    match interfaces() {
        Ok(all) => format!("its network interfaces are {}", listed(&all)),
        Err(error) => format!("its network interfaces cannot be listed: {error}"),
    }
}

/// `eth0 (10.0.0.7), lo (127.0.0.1, ::1)`.
fn listed(all: &[(String, IpAddr)]) -> String {
    let mut by_name: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, address) in all {
        by_name.entry(name).or_default().push(address.to_string());
    }
    if by_name.is_empty() {
        return "none with an address".to_owned();
    }
    let of_one =
        |(name, addresses): (&str, Vec<String>)| format!("{name} ({})", addresses.join(", "));
    by_name.into_iter().map(of_one).collect::<Vec<_>>().join(", ")
}

/// Every address of this machine with the name of its interface; those that are down are left out.
fn interfaces() -> io::Result<Vec<(String, IpAddr)>> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: it writes one pointer, to a list that is ours until `freeifaddrs`.
    if unsafe { libc::getifaddrs(&mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut next = first;
    while !next.is_null() {
        // SAFETY: not null, and an element of the list, which nobody changes.
        let entry = unsafe { &*next };
        let is_up = entry.ifa_flags & libc::IFF_UP as libc::c_uint != 0;
        // SAFETY: the address is null or one that the system filled in.
        if let Some(address) = unsafe { address_of(entry.ifa_addr) }.filter(|_| is_up) {
            // SAFETY: every element has a name, which ends with a zero.
            let name = unsafe { CStr::from_ptr(entry.ifa_name) };
            found.push((name.to_string_lossy().into_owned(), address));
        }
        next = entry.ifa_next;
    }
    // SAFETY: the list came from `getifaddrs`, and nothing of it is kept.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}

/// What the system calls a socket address, if it is one of the internet's.
///
/// # Safety
///
/// `address` is null, or points to an address as long as its family says.
unsafe fn address_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: not null, so that it points to an address, of which every kind begins with its family.
    match i32::from(unsafe { (*address).sa_family }) {
        libc::AF_INET => {
            // SAFETY: the family says that it is this kind.
            let address = unsafe { &*address.cast::<libc::sockaddr_in>() };
            Some(Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that it is this kind.
            let address = unsafe { &*address.cast::<libc::sockaddr_in6>() };
            Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    fn check(name: &str, expected: Expect) {
        let all = [
            ("lo", "127.0.0.1"),
            ("eth0", "fe80::1"),
            ("eth0", "2001:db8::7"),
            ("eth0", "10.0.0.7"),
            ("ib0", "fe80::2"),
            ("ib1", "fe80::3"),
            ("ib1", "2001:db8::8"),
        ];
        let all = all.map(|(name, address)| (name.to_owned(), address.parse().unwrap()));
        let found = match choose(&all, name) {
            Ok(address) => address.to_string(),
            Err(error) => format!("{} {error}", error.code),
        };
        expected.assert_eq(&found);
    }

    #[test]
    fn an_interface_has_the_address_that_others_can_use() {
        check("eth0", expect!["10.0.0.7"]);
        check("ib1", expect!["2001:db8::8"]);
        check(
            "ib0",
            expect![[r#"
                69 error: the network interface `ib0` has no address but the link's own, fe80::2
                hint: there are eth0 (fe80::1, 2001:db8::7, 10.0.0.7), ib0 (fe80::2), ib1 (fe80::3, 2001:db8::8), lo (127.0.0.1)"#]],
        );
        check(
            "eth9",
            expect![[r#"
                69 error: this machine has no network interface `eth9` with an address
                hint: there are eth0 (fe80::1, 2001:db8::7, 10.0.0.7), ib0 (fe80::2), ib1 (fe80::3, 2001:db8::8), lo (127.0.0.1)"#]],
        );
    }

    #[test]
    fn every_machine_reaches_itself() {
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        assert_eq!(towards("127.0.0.1").unwrap(), loopback);
        assert!(towards("localhost").unwrap().is_loopback());
        let all = interfaces().unwrap();
        let (name, _) = all.iter().find(|(_, address)| *address == loopback).unwrap();
        assert_eq!(of_interface(name).unwrap(), loopback);
        assert!(is_here(loopback));
        // Set aside for documentation: nobody has it.
        assert!(!is_here("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn a_name_that_nobody_has_is_named() {
        let error = towards("no-such-host.invalid").unwrap_err();
        assert!(
            error.message.starts_with("the name `no-such-host.invalid` cannot be resolved: "),
            "{error}"
        );
        assert!([exit::BACKEND, exit::TRANSIENT].contains(&error.code), "{error}");
    }
}
