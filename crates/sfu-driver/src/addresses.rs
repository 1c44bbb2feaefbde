//! The addresses that a worker offers as ICE candidates, and the form in which its socket takes addresses.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The addresses to offer, each once, in order of preference: those that the operator names; else the bound one; else, bound to
/// all, every usable address of the machine. With `loopback` (development) 127.0.0.1 comes first, so that a browser on the same
/// machine needs no network.
///
/// # Errors
/// [`io::ErrorKind::AddrNotAvailable`] if there is none; the system's error if interfaces cannot be listed.
pub(crate) fn advertised(bind: IpAddr, named: &[IpAddr], loopback: bool) -> io::Result<Vec<IpAddr>> {
    let interfaces = if named.is_empty() && bind.is_unspecified() {
        interface_addresses()?
    } else {
        Vec::new()
    };
    let chosen = choose(bind, named, loopback, &interfaces);
    if chosen.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            "no network interface has an address that a client could reach: name one to advertise",
        ));
    }
    Ok(chosen)
}

fn choose(bind: IpAddr, named: &[IpAddr], loopback: bool, interfaces: &[IpAddr]) -> Vec<IpAddr> {
    let mut chosen: Vec<IpAddr> = Vec::new();
    let mut add = |ip: IpAddr| {
        let ip = ip.to_canonical();
        if !chosen.contains(&ip) {
            chosen.push(ip);
        }
    };
    if !named.is_empty() {
        named.iter().copied().for_each(add);
    } else if bind.is_unspecified() {
        if loopback {
            add(IpAddr::from([127, 0, 0, 1]));
        }
        interfaces
            .iter()
            .copied()
            .filter(|&ip| is_reachable(ip) && same_family(bind, ip))
            .for_each(add);
    } else {
        add(bind);
    }
    chosen
}

/// `address` in the form a socket of this family takes: IPv4 as IPv4-mapped on an IPv6 socket (RFC 4291, section 2.5.5.2).
pub(crate) fn for_socket(address: SocketAddr, v6: bool) -> SocketAddr {
    SocketAddr::new(ip_for_socket(address.ip(), v6), address.port())
}

/// The same for an address without a port.
pub(crate) fn ip_for_socket(ip: IpAddr, v6: bool) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if v6 => IpAddr::V6(ip.to_ipv6_mapped()),
        ip => ip,
    }
}

fn interface_addresses() -> io::Result<Vec<IpAddr>> {
    Ok(if_addrs::get_if_addrs()?
        .into_iter()
        .map(|interface| interface.ip())
        .collect())
}

/// An IPv6 socket also takes IPv4.
fn same_family(bind: IpAddr, ip: IpAddr) -> bool {
    bind.is_ipv6() || ip.is_ipv4()
}

/// Link-local addresses need a scope, which a candidate cannot carry.
fn is_reachable(ip: IpAddr) -> bool {
    !ip.is_loopback()
        && match ip {
            IpAddr::V4(ip) => !ip.is_link_local(),
            IpAddr::V6(ip) => !ip.is_unicast_link_local() && ip != Ipv6Addr::UNSPECIFIED,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn chosen(bind: &str, named: &[&str], loopback: bool) -> Vec<String> {
        let machine = ["127.0.0.1", "::1", "10.0.0.5", "169.254.1.1", "2001:db8::5", "fe80::1"].map(ip);
        let named: Vec<_> = named.iter().map(|text| ip(text)).collect();
        choose(ip(bind), &named, loopback, &machine)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn named_addresses_win() {
        assert_eq!(
            chosen("0.0.0.0", &["203.0.113.9", "203.0.113.9"], true),
            ["203.0.113.9"]
        );
        assert_eq!(chosen("10.0.0.5", &["203.0.113.9"], false), ["203.0.113.9"]);
    }

    #[test]
    fn a_bound_address_is_advertised_even_loopback() {
        assert_eq!(chosen("127.0.0.1", &[], false), ["127.0.0.1"]);
    }

    #[test]
    fn bound_to_all_every_reachable_address_of_the_family() {
        assert_eq!(chosen("0.0.0.0", &[], false), ["10.0.0.5"]);
        assert_eq!(chosen("0.0.0.0", &[], true), ["127.0.0.1", "10.0.0.5"]);
        assert_eq!(chosen("::", &[], false), ["10.0.0.5", "2001:db8::5"]);
    }

    #[test]
    fn an_ipv6_socket_gets_mapped_addresses() {
        assert_eq!(ip_for_socket(ip("10.0.0.5"), true), ip("::ffff:10.0.0.5"));
        assert_eq!(ip_for_socket(ip("10.0.0.5"), false), ip("10.0.0.5"));
    }
}
