//! Where a client is, as far as that can be believed.
//!
//! Behind a proxy every connection comes from the proxy's address, and the client's stands in a header:
//! `Forwarded` (RFC 7239) or `X-Forwarded-For`. Anybody can send such a header, so it's believed only as
//! far as known proxies wrote it: each appends the address that it was connected from, so the list is
//! read from its end, up to the first address that is no known proxy's.
//!
//! One of the two headers is read, the one that the proxies write: the other is passed on as the client
//! sent it.

use core::{net::IpAddr, str::FromStr};

use ipnet::IpNet;

/// Which header the proxies write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ForwardedHeader {
    /// What most proxies write: addresses, separated by commas.
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

impl ForwardedHeader {
    /// Its name on the wire, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

/// An address or a network whose machines tell the truth about their clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

impl FromStr for TrustedProxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = text.parse::<IpNet>().ok();
        let network = network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        network.map(|network| Self(network.trunc())).ok_or_else(|| {
            "expected an address or a network, such as 10.0.0.7, 10.0.0.0/8 or fd00::/8".to_owned()
        })
    }
}

impl TrustedProxy {
    /// Whether it's every address there is.
    pub fn is_everybody(&self) -> bool {
        self.0.prefix_len() == 0
    }
}

/// Whose headers are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxies {
    /// Who they are.
    pub trusted: Vec<TrustedProxy>,
    /// What they write.
    pub header: ForwardedHeader,
}

impl Proxies {
    /// Whether the address is one of them.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|proxy| proxy.0.contains(&address))
    }

    /// The client's address: `peer`, unless that's a proxy; then what the proxies say in the values of
    /// their header, given in the order in which they came. An IPv4 address written as IPv6 is one of IPv4.
    pub fn client<'a>(&self, peer: IpAddr, values: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let mut known = peer.to_canonical();
        for element in values.rev().flat_map(|value| Unquoted { rest: Some(value), separator: b',' }) {
            if !self.trusts(known) {
                break;
            }
            let told = match self.header {
                ForwardedHeader::XForwardedFor => address(element),
                ForwardedHeader::Forwarded => forwarded_for(element),
            };
            // A proxy that hides who it was connected from is all that's known of the client.
            let Some(told) = told else { break };
            known = told.to_canonical();
        }
        known
    }
}

/// The node of an element's `for` parameter (RFC 7239 §4), unless it's `unknown` or obfuscated.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = Unquoted { rest: Some(element), separator: b';' };
    let mut nodes = pairs.filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    });
    let node = nodes.next()?;
    let node = node.strip_prefix('"').map_or(Some(node), |quoted| quoted.strip_suffix('"'))?;
    // "Each parameter MUST NOT occur more than once per field-value."
    if nodes.next().is_some() { None } else { address(node) }
}

/// An address, with or without a port: `192.0.2.1:80`, `[2001:db8::1]:80`. The port may be obfuscated.
fn address(node: &str) -> Option<IpAddr> {
    let node = node.trim();
    if let Some(bracketed) = node.strip_prefix('[') {
        let (address, _) = bracketed.split_once(']')?;
        return address.parse().ok().map(IpAddr::V6);
    }
    let without_port = node.split_once(':').map_or(node, |(host, _)| host);
    let v4 = without_port.parse().map(IpAddr::V4);
    v4.or_else(|_| node.parse().map(IpAddr::V6)).ok()
}

/// The parts between separators that don't stand in a quoted string, last one first. From the end,
/// because that's what a proxy wrote: a quote that a client opened can't swallow it.
struct Unquoted<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

impl<'a> Iterator for Unquoted<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest?;
        let bytes = text.as_bytes();
        let mut is_quoted = false;
        for at in (0..bytes.len()).rev() {
            let escapes = || bytes[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
            if bytes[at] == b'"' && escapes().is_multiple_of(2) {
                is_quoted = !is_quoted;
            } else if bytes[at] == self.separator && !is_quoted {
                self.rest = Some(&text[..at]);
                return Some(&text[at + 1..]);
            }
        }
        self.rest = None;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1";

    #[track_caller]
    fn check(header: ForwardedHeader, peer: &str, values: &[&str], expected: &str) {
        let trusted = ["10.0.0.0/8", "fd00::/8", "192.0.2.9"].map(|text| text.parse().unwrap());
        let proxies = Proxies { trusted: trusted.into(), header };
        let client = proxies.client(peer.parse().unwrap(), values.iter().copied());
        assert_eq!(client.to_string(), expected, "{values:?} from {peer}");
    }

    #[track_caller]
    fn check_list(peer: &str, values: &[&str], expected: &str) {
        check(ForwardedHeader::XForwardedFor, peer, values, expected);
    }

    #[track_caller]
    fn check_rfc(values: &[&str], expected: &str) {
        check(ForwardedHeader::Forwarded, PROXY, values, expected);
    }

    #[test]
    fn a_stranger_is_where_it_connects_from() {
        check_list("203.0.113.5", &["198.51.100.1"], "203.0.113.5");
        check(ForwardedHeader::Forwarded, "203.0.113.5", &["for=198.51.100.1"], "203.0.113.5");
        check_list("::ffff:203.0.113.5", &["198.51.100.1"], "203.0.113.5");
        check_list("192.0.2.8", &["198.51.100.1"], "192.0.2.8");
        check_list("2001:db8::1", &[], "2001:db8::1");
    }

    #[test]
    fn the_last_address_that_is_no_proxys_is_the_clients() {
        check_list(PROXY, &["198.51.100.1"], "198.51.100.1");
        check_list("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        // What the client made up stands before what the proxies wrote.
        check_list(PROXY, &["1.1.1.1, 198.51.100.1"], "198.51.100.1");
        check_list(PROXY, &["1.1.1.1", "198.51.100.1,192.0.2.9 , 10.9.9.9"], "198.51.100.1");
        check_list("fd00::2", &["2001:db8::7, fd12::1"], "2001:db8::7");
        check_list(PROXY, &["10.0.0.3, 10.0.0.2"], "10.0.0.3");
        check_list(PROXY, &[], PROXY);
    }

    #[test]
    fn ports_brackets_and_spaces_are_no_part_of_an_address() {
        check_list(PROXY, &["198.51.100.1:4711"], "198.51.100.1");
        check_list(PROXY, &["[2001:db8::1]:4711"], "2001:db8::1");
        check_list(PROXY, &["[2001:db8::1]"], "2001:db8::1");
        check_list(PROXY, &["\t 2001:db8::1 "], "2001:db8::1");
        check_list(PROXY, &["::ffff:198.51.100.1"], "198.51.100.1");
    }

    #[test]
    fn what_is_no_address_ends_the_search() {
        for wrong in ["", "unknown", "198.51.100", "198.51.100.1.1", "[2001:db8::1", "1::2::3", "?", "\""] {
            check_list(PROXY, &[&format!("198.51.100.1, {wrong}")], PROXY);
            check_list(PROXY, &[&format!("198.51.100.1, {wrong}, 10.0.0.2")], "10.0.0.2");
        }
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        // The examples of §4, §6 and §7.
        check_rfc(&["for=192.0.2.60;proto=http;by=203.0.113.43"], "192.0.2.60");
        check_rfc(&[r#"For="[2001:db8:cafe::17]:4711""#], "2001:db8:cafe::17");
        check_rfc(&["for=192.0.2.43, for=198.51.100.17"], "198.51.100.17");
        check_rfc(&[r#"for=192.0.2.43,for="[2001:db8:cafe::17]",for=10.1.2.3"#], "2001:db8:cafe::17");
        check_rfc(&["for=192.0.2.43", r#"for="198.51.100.17:80";by=_x"#], "198.51.100.17");
        check_rfc(&[r#"proto=https ; for = "192.0.2.60:_port""#], "192.0.2.60");
        check_rfc(&[r#"host="a,b;for=1.1.1.1";for=192.0.2.60"#], "192.0.2.60");
    }

    #[test]
    fn who_is_hidden_stays_so() {
        for hidden in ["for=_hidden", r#"for="_SEVKISEK""#, "for=unknown", "proto=https", "", "for=", "for"] {
            check_rfc(&["for=1.1.1.1", hidden], PROXY);
            check_rfc(&[&format!("for=1.1.1.1, {hidden}, for=10.0.0.2")], "10.0.0.2");
        }
        check_rfc(&["for=198.51.100.1;for=198.51.100.2"], PROXY);
    }

    #[test]
    fn a_quote_that_a_client_opens_does_not_swallow_what_the_proxy_wrote() {
        check_rfc(&[r#"for="1.1.1.1, for=198.51.100.17"#], "198.51.100.17");
        check_rfc(&[r#"for="\", for=198.51.100.17"#], "198.51.100.17");
        check_rfc(&[r#"for="1.1.1.1"#, "for=198.51.100.17"], "198.51.100.17");
    }

    #[test]
    fn only_the_header_that_proxies_write_is_read() {
        check(ForwardedHeader::XForwardedFor, PROXY, &["for=198.51.100.1"], PROXY);
        check(ForwardedHeader::Forwarded, PROXY, &["198.51.100.1"], PROXY);
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        for right in ["10.0.0.7", "10.0.0.0/8", "10.1.2.3/8", "::1", "fd00::/8", "0.0.0.0/0"] {
            assert!(right.parse::<TrustedProxy>().is_ok(), "{right}");
        }
        assert!("::/0".parse::<TrustedProxy>().unwrap().is_everybody());
        for wrong in ["", "proxy", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.7:80", "[::1]"] {
            assert!(wrong.parse::<TrustedProxy>().is_err(), "{wrong}");
        }
    }
}
