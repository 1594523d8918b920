//! The network interfaces of a node.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Whether it is switched on and has a link.
    pub up: bool,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

impl Interface {
    /// The address that other nodes use: IPv4 first; one that only its own wire knows is none.
    pub fn address(&self) -> Option<IpAddr> {
        let is_local = |it: &&IpAddr| matches!(it, IpAddr::V6(it) if it.is_unicast_link_local());
        let mut known: Vec<IpAddr> =
            self.addresses.iter().filter(|it| !is_local(it)).copied().collect();
        known.sort_by_key(IpAddr::is_ipv6);
        known.first().copied()
    }
}

/// All interfaces, by their names.
pub fn all() -> io::Result<Vec<Interface>> {
    let mut first: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: the pointer is to a live local, which the call sets or leaves alone.
    if unsafe { libc::getifaddrs(&mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found: BTreeMap<String, Interface> = BTreeMap::new();
    let mut next = first;
    while !next.is_null() {
        // SAFETY: the list is whole until it is freed below; its names end with a zero byte.
        let (entry, name) = unsafe { (&*next, CStr::from_ptr((*next).ifa_name)) };
        let name = name.to_string_lossy().into_owned();
        let interface = found.entry(name.clone()).or_insert_with(|| Interface {
            name,
            up: false,
            addresses: Vec::new(),
        });
        let on = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_uint;
        interface.up |= entry.ifa_flags & on == on;
        // SAFETY: an address of the list is of the kind that its first field says.
        interface.addresses.extend(unsafe { address(entry.ifa_addr) });
        next = entry.ifa_next;
    }
    // SAFETY: it is the list that the call made, and nothing borrows of it any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(found.into_values().collect())
}

/// The address of the interface called `name`.
pub fn address_of(name: &str) -> Result<IpAddr, String> {
    let all = all().map_err(|error| format!("interfaces cannot be listed: {error}"))?;
    let Some(interface) = all.iter().find(|it| it.name == name) else {
        return Err(format!("there is no interface `{name}`, only {}", names(&all)));
    };
    interface.address().ok_or_else(|| format!("interface `{name}` has no address"))
}

/// Names, for a sentence.
pub fn names(all: &[Interface]) -> String {
    let names: Vec<&str> = all.iter().map(|it| it.name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// # Safety
/// `of` must be null or point to an address of the kind that its family says.
unsafe fn address(of: *const libc::sockaddr) -> Option<IpAddr> {
    if of.is_null() {
        return None;
    }
    // SAFETY: as this function asks of its caller. An address may lie anywhere.
    unsafe {
        match i32::from(ptr::read_unaligned(of).sa_family) {
            libc::AF_INET => {
                let found = ptr::read_unaligned(of.cast::<libc::sockaddr_in>());
                Some(Ipv4Addr::from(u32::from_be(found.sin_addr.s_addr)).into())
            }
            libc::AF_INET6 => {
                let found = ptr::read_unaligned(of.cast::<libc::sockaddr_in6>());
                Some(Ipv6Addr::from(found.sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_machine_reaches_itself() {
        let all = all().unwrap();
        let loopback = all.iter().find(|it| it.addresses.contains(&Ipv4Addr::LOCALHOST.into()));
        let loopback = loopback.expect("an interface has 127.0.0.1");
        assert_eq!(address_of(&loopback.name), Ok(Ipv4Addr::LOCALHOST.into()));
        let said = address_of("no0").unwrap_err();
        assert!(said.starts_with("there is no interface `no0`, only "), "{said}");
    }

    #[test]
    fn others_use_the_address_that_leads_there() {
        let of = |addresses: &[&str]| Interface {
            name: "eth0".to_owned(),
            up: true,
            addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
        };
        assert_eq!(of(&["fe80::1", "fd00::2", "10.0.0.3"]).address(), "10.0.0.3".parse().ok());
        assert_eq!(of(&["fe80::1", "fd00::2"]).address(), "fd00::2".parse().ok());
        assert_eq!(of(&["fe80::1"]).address(), None);
    }
}
