//! Whose pages may connect, contract §6.
//!
//! A browser tells in `Origin` which page opened a WebSocket, and lets any page open one to any
//! server. So the server is the only one who can refuse a foreign page.

use std::str::FromStr;

use crate::config::HostPort;

/// Whose pages may connect.
#[derive(Clone, Debug)]
pub struct OriginPolicy {
    allowed: Vec<AllowedOrigin>,
    allow_missing: bool,
}

/// An entry of `allowed_origins`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// `*`: every page of every site.
    Any,
    /// One origin as browsers serialise it, in lower case: `https://example.com:8443`, or `null`.
    Exact(String),
    /// `https://*.example.com`: every name below a domain, not the domain itself.
    Below {
        /// `https` or `http`.
        scheme: String,
        /// The domain with its leading dot and, unless it is the scheme's own, its port: `.example.com:8443`.
        suffix: String,
    },
}

/// What the policy says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Let in.
    Allow,
    /// Refuse with 403 before the upgrade.
    Refuse,
}

impl OriginPolicy {
    /// Pages of the same origin and of the `allowed` ones; requests without an origin, which don't
    /// come from a browser, if `allow_missing`.
    pub const fn new(allowed: Vec<AllowedOrigin>, allow_missing: bool) -> Self {
        Self { allowed, allow_missing }
    }

    /// Judges a request by its `Origin` and `Host` headers.
    pub fn judge(&self, origin: Option<&str>, host: Option<&str>) -> Verdict {
        let is_allowed = match origin {
            None => self.allow_missing,
            Some(origin) => {
                let origin = origin.to_ascii_lowercase();
                is_same(&origin, host) || self.allowed.iter().any(|allowed| allowed.takes(&origin))
            }
        };
        if is_allowed { Verdict::Allow } else { Verdict::Refuse }
    }
}

/// Whether the origin is the host that was asked. The scheme isn't compared: behind a proxy that
/// ends TLS the page is `https` and the request isn't.
fn is_same(origin: &str, host: Option<&str>) -> bool {
    let (Some((scheme, authority)), Some(host)) = (origin.split_once("://"), host) else { return false };
    let own_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let host = host.to_ascii_lowercase();
    let without_own_port = |text: &str| text.strip_suffix(own_port).unwrap_or(text).to_owned();
    !authority.is_empty() && without_own_port(authority) == without_own_port(&host)
}

impl AllowedOrigin {
    fn takes(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == origin,
            Self::Below { scheme, suffix } => origin
                .strip_prefix(scheme.as_str())
                .and_then(|rest| rest.strip_prefix("://"))
                .and_then(|rest| rest.strip_suffix(suffix.as_str()))
                .is_some_and(is_host_part),
        }
    }
}

fn is_host_part(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

impl FromStr for AllowedOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            "expected an origin such as https://example.com or http://localhost:8080 (no path), \
             https://*.example.com, null, or *"
                .to_owned()
        };
        let text = text.to_ascii_lowercase();
        match text.as_str() {
            "*" => return Ok(Self::Any),
            "null" => return Ok(Self::Exact(text)),
            _ => {}
        }
        let (scheme, authority) = text.split_once("://").ok_or_else(expected)?;
        let default_port = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(expected()),
        };
        // Browsers leave the scheme's own port out of `Origin`.
        let authority = authority.strip_suffix(default_port).unwrap_or(authority);
        let (below, domain) = match authority.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, authority),
        };
        let with_port = if domain.rsplit(']').next().is_some_and(|rest| rest.contains(':')) {
            domain.to_owned()
        } else {
            format!("{domain}{default_port}")
        };
        let port_is_real = with_port.parse::<HostPort>().is_ok_and(|address| address.port != 0);
        if !port_is_real || (below && domain.starts_with('[')) {
            return Err(expected());
        }
        Ok(if below {
            Self::Below { scheme: scheme.to_owned(), suffix: format!(".{domain}") }
        } else {
            Self::Exact(format!("{scheme}://{domain}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(allowed: &[&str], origin: Option<&str>, expected: Verdict) {
        let allowed = allowed.iter().map(|text| text.parse().unwrap()).collect();
        let policy = OriginPolicy::new(allowed, true);
        assert_eq!(policy.judge(origin, Some("quotes.example.com:8080")), expected, "{origin:?}");
    }

    #[test]
    fn by_default_only_the_same_origin_is_let_in() {
        check(&[], Some("http://quotes.example.com:8080"), Verdict::Allow);
        check(&[], Some("https://Quotes.example.com:8080"), Verdict::Allow);
        for origin in [
            "http://quotes.example.com",
            "http://evil.com",
            "http://quotes.example.com:8080.evil.com",
            "http://evil.com/quotes.example.com:8080",
            "null",
            "",
            "file://",
        ] {
            check(&[], Some(origin), Verdict::Refuse);
        }
    }

    #[test]
    fn a_schemes_own_port_may_be_left_out() {
        let policy = OriginPolicy::new(Vec::new(), true);
        assert_eq!(policy.judge(Some("https://a.com"), Some("a.com:443")), Verdict::Allow);
        assert_eq!(policy.judge(Some("http://a.com:80"), Some("a.com")), Verdict::Allow);
        assert_eq!(policy.judge(Some("http://a.com"), Some("a.com:443")), Verdict::Refuse);
        assert_eq!(policy.judge(Some("http://a.com"), None), Verdict::Refuse);
    }

    #[test]
    fn listed_origins_are_let_in() {
        check(&["https://a.com"], Some("https://a.com"), Verdict::Allow);
        check(&["https://a.com"], Some("http://a.com"), Verdict::Refuse);
        check(&["https://a.com"], Some("https://a.com:8443"), Verdict::Refuse);
        check(&["https://*.a.com"], Some("https://x.y.a.com"), Verdict::Allow);
        check(&["https://*.a.com"], Some("https://a.com"), Verdict::Refuse);
        check(&["https://*.a.com"], Some("https://evil.com/.a.com"), Verdict::Refuse);
        check(&["https://*.a.com:8443"], Some("https://x.a.com:8443"), Verdict::Allow);
        check(&["*"], Some("null"), Verdict::Allow);
        check(&["null"], Some("null"), Verdict::Allow);
    }

    #[test]
    fn a_missing_origin_is_no_browsers() {
        for (allow_missing, verdict) in [(true, Verdict::Allow), (false, Verdict::Refuse)] {
            assert_eq!(OriginPolicy::new(Vec::new(), allow_missing).judge(None, Some("a.com")), verdict);
        }
    }

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        let check = |text: &str, expected: Option<AllowedOrigin>| {
            assert_eq!(text.parse().ok(), expected, "{text}");
        };
        let exact = |text: &str| Some(AllowedOrigin::Exact(text.to_owned()));
        check("https://Example.com", exact("https://example.com"));
        check("https://example.com:443", exact("https://example.com"));
        check("http://localhost:8080", exact("http://localhost:8080"));
        check("http://[::1]:8080", exact("http://[::1]:8080"));
        check("http://[::1]", exact("http://[::1]"));
        check("null", exact("null"));
        check("*", Some(AllowedOrigin::Any));
        let below = AllowedOrigin::Below { scheme: "https".into(), suffix: ".example.com:8443".into() };
        check("https://*.example.com:8443", Some(below));
        for wrong in [
            "example.com",
            "https://",
            "https://a/",
            "https://a/b",
            "ftp://a",
            "https://*",
            "https://a.*.b",
            "https://a:0",
            "https://u@a",
            "https://*.[::1]",
        ] {
            check(wrong, None);
        }
    }
}
