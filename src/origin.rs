//! Whose pages may connect, contract §6.
//!
//! A browser tells in `Origin` which page opened a WebSocket, and lets any page open one to any
//! server. So the server is the only one who can refuse a foreign page.

use std::str::FromStr;

/// Whose pages may connect.
#[derive(Clone, Debug)]
pub struct OriginPolicy {
    allowed: Vec<AllowedOrigin>,
    allow_missing: bool,
}

/// One entry of the list of allowed origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// `*`: every page.
    Any,
    /// `https://example.com`, with the port if it isn't the scheme's own.
    Exact(String),
    /// `https://*.example.com`: every host below, not the host itself.
    Below {
        /// `https://`
        scheme: String,
        /// `.example.com`, with the port if there is one.
        suffix: String,
    },
}

/// Why a text is no allowed origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} isn't an origin; allowed are https://example.com, https://example.com:8443, https://*.example.com, null and *"
)]
pub struct OriginError(String);

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
                .and_then(|rest| rest.strip_suffix(suffix.as_str()))
                .is_some_and(is_host_part),
        }
    }
}

fn is_host_part(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

impl FromStr for AllowedOrigin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let refuse = || OriginError(text.to_owned());
        let lower = text.to_ascii_lowercase();
        if lower == "*" {
            return Ok(Self::Any);
        }
        if lower == "null" {
            return Ok(Self::Exact(lower));
        }
        let (scheme, authority) = lower.split_once("://").ok_or_else(refuse)?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
        let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let below = host.strip_prefix("*.");
        if !is_scheme || !is_port || !is_host_part(below.unwrap_or(host)) {
            return Err(refuse());
        }
        Ok(match below {
            Some(_) => Self::Below { scheme: format!("{scheme}://"), suffix: authority[1..].to_owned() },
            None => Self::Exact(lower),
        })
    }
}

impl std::fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(origin) => f.write_str(origin),
            Self::Below { scheme, suffix } => write!(f, "{scheme}*{suffix}"),
        }
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
    fn what_is_no_origin_is_refused() {
        for text in
            ["", "a.com", "https://", "https://a.com/", "https://*", "https://a.*.com", "https://a.com:x"]
        {
            assert!(text.parse::<AllowedOrigin>().is_err(), "{text}");
        }
        assert_eq!("https://*.A.com".parse::<AllowedOrigin>().unwrap().to_string(), "https://*.a.com");
    }
}
