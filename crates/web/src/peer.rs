//! Whom a request comes from: a client with an address of its own, or one of many who share an address.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The client of a request, as far as its address tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// One with an address of its own; of IPv6 the network (/64), since one subscriber has all of it.
    Alone(IpAddr),
    /// One of many: behind a proxy that does not say for whom it asks, or not known.
    Together,
}

impl Peer {
    /// The client at an address. Behind this computer's own stands, unless it is named, a proxy with everybody.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            ip if ip.is_loopback() => Self::Together,
            IpAddr::V6(ip) => Self::Alone(Ipv6Addr::from_bits(ip.to_bits() & !0 << 64).into()),
            ip @ IpAddr::V4(_) => Self::Alone(ip),
        }
    }
}

/// The addresses of one proxy, or of several: `10.0.0.2`, `10.0.0.0/24`, `2001:db8::/64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxy(IpNet);

impl FromStr for Proxy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let net = text.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical())).or_else(|_| text.parse());
        match net {
            Ok(net) if net.prefix_len() > 0 => Ok(Self(net)),
            Ok(_) => Err("that is every address there is; name those of the proxy"),
            Err(_) => Err("give an address or a network, like 10.0.0.2 or 10.0.0.0/24"),
        }
    }
}

/// The proxies in front, which say in `X-Forwarded-For` whose request they pass on. Nobody else is believed that.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<Proxy>);

impl Proxies {
    /// Those of a list.
    #[must_use]
    pub const fn new(all: Vec<Proxy>) -> Self {
        Self(all)
    }

    /// Whether an address is that of a proxy.
    #[must_use]
    pub fn includes(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|Proxy(net)| net.contains(&address))
    }

    /// Who asks, on a connection from `from`. Each proxy appends the address it was asked from, so the list is read from
    /// its end, to the first that is no proxy of ours: what stands before that is the client's own word.
    #[must_use]
    pub fn client(&self, from: IpAddr, headers: &HeaderMap) -> Peer {
        if !self.includes(from) {
            return Peer::of(from);
        }
        for list in headers.get_all("x-forwarded-for").iter().rev() {
            let Ok(list) = list.to_str() else { return Peer::Together };
            for item in list.rsplit(',') {
                match address(item.trim()) {
                    None => return Peer::Together,
                    Some(ip) if self.includes(ip) => {}
                    Some(ip) => return Peer::of(ip),
                }
            }
        }
        Peer::Together
    }
}

/// Some proxies write the port, too.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.parse().ok();
    bare.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn client(from: &str, told: &[&str]) -> Peer {
        let proxies = Proxies::new(["127.0.0.1", "10.0.0.0/24"].map(|p| p.parse().expect("a proxy")).to_vec());
        let mut headers = HeaderMap::new();
        for list in told {
            headers.append("x-forwarded-for", list.parse().expect("a value"));
        }
        proxies.client(ip(from), &headers)
    }

    #[test]
    fn a_proxy_says_for_whom_it_asks_and_nobody_else_does() {
        let of = |text| Peer::Alone(ip(text));
        for (from, told, expected) in [
            ("192.0.2.7", &["198.51.100.1"][..], of("192.0.2.7")),
            ("127.0.0.1", &["198.51.100.1"], of("198.51.100.1")),
            // What the client itself claimed stands before what the proxy saw.
            ("127.0.0.1", &["203.0.113.9, 198.51.100.1"], of("198.51.100.1")),
            ("127.0.0.1", &["203.0.113.9", "198.51.100.1, 10.0.0.8"], of("198.51.100.1")),
            ("::ffff:10.0.0.3", &["198.51.100.1:4711"], of("198.51.100.1")),
            ("127.0.0.1", &["[2001:db8:1:2:3::4]:99"], of("2001:db8:1:2::")),
            ("2001:db8:1:2:9::9", &[], of("2001:db8:1:2::")),
            ("127.0.0.1", &[], Peer::Together),
            ("127.0.0.1", &["10.0.0.8"], Peer::Together),
            ("127.0.0.1", &["198.51.100.1, unknown"], Peer::Together),
            ("127.0.0.1", &["198.51.100.1,"], Peer::Together),
            ("::1", &["198.51.100.1"], Peer::Together),
        ] {
            assert_eq!(client(from, told), expected, "{from} {told:?}");
        }
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network_and_not_everybody() {
        for bad in ["", " ", "proxy", "10.0.0.1/33", "0.0.0.0/0", "::/0"] {
            assert!(bad.parse::<Proxy>().is_err(), "{bad}");
        }
    }
}
