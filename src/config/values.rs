//! The values a setting can have: each is parsed once, here, and its error says what is allowed.
//!
//! An error is the second half of a sentence that the caller opens with the place and the value:
//! ``tickcast.toml:3: `workers` can't be `0`: expected a whole number from 1 to 1024``.

use std::{fmt, ops::RangeInclusive, str::FromStr, time::Duration};

use super::property_name::canonical;

/// A host name or address and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    pub host: String,
    /// The port; 0 only where the system may choose one.
    pub port: u16,
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected host:port, such as 127.0.0.1:8080 or [::1]:8080".to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
        let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().map_err(|_| expected())?.to_string(),
            None => host.to_owned(),
        };
        let named = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte));
        let bare_v6 = host.contains(':') && !text.starts_with('[');
        if host.is_empty() || !named || bare_v6 || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(expected());
        }
        let port = port.parse().map_err(|_| "expected a port from 0 to 65535".to_owned())?;
        Ok(Self { host, port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The name of a Kafka topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic(String);

impl Topic {
    /// The name as Kafka knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Topic {
    type Err = String;

    /// Kafka's own rule (`org.apache.kafka.common.internals.Topic`).
    fn from_str(text: &str) -> Result<Self, String> {
        let legal = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if legal && (1..=249).contains(&text.len()) && text != "." && text != ".." {
            Ok(Self(text.to_owned()))
        } else {
            Err("expected a topic name: 1 to 249 of A-Z a-z 0-9 . _ -".to_owned())
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A setting of librdkafka. Its value may be a password and is shown by no formatter.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaProperty {
    /// librdkafka's name of the setting, such as `security.protocol`.
    pub key: String,
    /// What it is set to.
    pub value: String,
}

/// The properties whose value is a secret by itself, by librdkafka's own names; those of files name a path, which is none.
const SECRETS: [&str; 7] = [
    "sasl.password",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.client.secret",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
];

impl KafkaProperty {
    /// Whether the value is one that nobody else may know.
    pub fn is_secret(&self) -> bool {
        Self::names_a_secret(&self.key)
    }

    /// Whether the value of the property of this name is one that nobody else may know.
    pub fn names_a_secret(key: &str) -> bool {
        SECRETS.contains(&canonical(key))
    }
}

impl FromStr for KafkaProperty {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').unwrap_or_default();
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte)) {
            return Err("expected key=value, such as security.protocol=sasl_ssl".to_owned());
        }
        Ok(Self { key: key.to_owned(), value: value.trim().to_owned() })
    }
}

impl fmt::Debug for KafkaProperty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.key)
    }
}

/// A parser of whole numbers within `range`.
pub fn whole_number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr + PartialOrd + fmt::Display + Clone,
{
    move |text| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|number| plain && range.contains(number))
            .ok_or_else(|| format!("expected a whole number from {} to {}", range.start(), range.end()))
    }
}

/// A parser of durations in seconds within `range`; decimals such as `0.5` are taken.
pub fn seconds(range: RangeInclusive<f64>) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    move |text| {
        decimal(text).filter(|seconds| range.contains(seconds)).map(Duration::from_secs_f64).ok_or_else(
            || format!("expected seconds from {} to {}, such as 10 or 0.5", range.start(), range.end()),
        )
    }
}

/// A parser of durations in whole milliseconds within `range`.
pub fn milliseconds(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    move |text| {
        text.parse()
            .ok()
            .filter(|number| range.contains(number))
            .map(Duration::from_millis)
            .ok_or_else(|| format!("expected whole milliseconds from {} to {}", range.start(), range.end()))
    }
}

/// Frames a second that a client may send: a decimal from 0.1 to a million.
///
/// # Errors
/// Says what is expected when `text` is something else.
pub fn frame_rate(text: &str) -> Result<f64, String> {
    decimal(text)
        .filter(|rate| (0.1..=1_000_000.0).contains(rate))
        .ok_or_else(|| "expected frames a second from 0.1 to 1000000".to_owned())
}

/// How many times its usual interval a feed may be silent: a decimal from 1.5 to a thousand. At less every other gap
/// would be one too long.
///
/// # Errors
/// Says what is expected when `text` is something else.
pub fn stale_factor(text: &str) -> Result<f64, String> {
    decimal(text)
        .filter(|factor| (1.5..=1000.0).contains(factor))
        .ok_or_else(|| "expected a factor from 1.5 to 1000, such as 10".to_owned())
}

/// Ticks a second: a decimal above 0, at most a million.
///
/// # Errors
/// Says what is expected when `text` is something else.
pub fn rate(text: &str) -> Result<f64, String> {
    decimal(text)
        .filter(|rate| *rate > 0.0 && *rate <= 1_000_000.0)
        .ok_or_else(|| "expected ticks a second above 0, up to 1000000".to_owned())
}

/// New sessions a second: a decimal up to a million; 0 for no limit, which is infinity.
///
/// # Errors
/// Says what is expected when `text` is something else.
pub fn accept_rate(text: &str) -> Result<f64, String> {
    decimal(text)
        .filter(|rate| *rate <= 1_000_000.0)
        .map(|rate| if rate == 0.0 { f64::INFINITY } else { rate })
        .ok_or_else(|| "expected new sessions a second from 0 (no limit) to 1000000".to_owned())
}

/// A time of day as its distance from midnight: `HH:MM` or `HH:MM:SS`.
///
/// # Errors
/// Says what is expected when `text` is something else.
pub fn day_boundary(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time of day in UTC from 00:00 to 23:59, such as 22:00".to_owned();
    let number = |part: &str, below: u64| {
        let two_digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|number| two_digits && *number < below).ok_or_else(expected)
    };
    let mut parts = text.split(':');
    let hours = number(parts.next().unwrap_or_default(), 24)?;
    let minutes = number(parts.next().unwrap_or_default(), 60)?;
    let seconds = parts.next().map_or(Ok(0), |part| number(part, 60))?;
    if parts.next().is_some() {
        return Err(expected());
    }
    Ok(Duration::from_secs((hours * 60 + minutes) * 60 + seconds))
}

/// What stands in the list of SockJS's bases when there is to be no SockJS.
pub const NO_SOCKJS: &str = "none";

/// A path at which SockJS is served, or [`NO_SOCKJS`].
///
/// # Errors
/// Says what is expected when `text` is something else.
pub fn sockjs_base(text: &str) -> Result<String, String> {
    // Paths that the server answers otherwise.
    const TAKEN: [&str; 6] = ["api", "assets", "livez", "metrics", "readyz", "ws"];
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let segments = text.strip_prefix('/').map(|path| path.split('/').collect::<Vec<_>>());
    match segments {
        None if text == NO_SOCKJS => Ok(text.to_owned()),
        Some(segments) if TAKEN.contains(&segments[0]) => {
            Err(format!("/{} is served otherwise: expected another path, such as /sockjs", segments[0]))
        }
        Some(segments)
            if segments.iter().all(|segment| !segment.is_empty() && segment.bytes().all(is_plain))
                && !segments.iter().any(|segment| [".", ".."].contains(segment)) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("expected a path without a slash at its end, such as /sockjs, or none".to_owned()),
    }
}

/// The address of a script: it stands in a page and in its content security policy.
///
/// # Errors
/// Says what is expected when `text` is something else.
pub fn sockjs_client_url(text: &str) -> Result<String, String> {
    let rest = ["https://", "http://", "/"].iter().find_map(|begin| text.strip_prefix(begin));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/@%+=?&!".contains(&byte);
    if rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_plain)) {
        Ok(text.to_owned())
    } else {
        Err("expected the address of a script, such as https://example.com/sockjs.min.js or /sockjs.min.js"
            .to_owned())
    }
}

/// Digits with at most one point: no sign, no exponent, no `inf`.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_host_and_a_port() {
        let check = |text: &str, expected: Option<(&str, u16)>| {
            let parsed = text.parse::<HostPort>().ok();
            assert_eq!(parsed.as_ref().map(|it| (it.host.as_str(), it.port)), expected, "{text}");
            if let Some(parsed) = parsed {
                assert_eq!(parsed.to_string(), text);
            }
        };
        check("127.0.0.1:8080", Some(("127.0.0.1", 8080)));
        check("kafka-0.kafka:9092", Some(("kafka-0.kafka", 9092)));
        check("[::1]:0", Some(("::1", 0)));
        for wrong in
            ["", ":80", "host", "host:", "host:+1", "host:65536", "::1:80", "[::1:80", "[x]:80", "a b:1"]
        {
            check(wrong, None);
        }
    }

    #[test]
    fn a_kafka_property_never_shows_its_value() {
        let property: KafkaProperty = "sasl.password = a=b".parse().unwrap();
        assert_eq!((property.key.as_str(), property.value.as_str()), ("sasl.password", "a=b"));
        assert_eq!(format!("{property:?}"), "sasl.password=…");
        for wrong in ["", "sasl.password", "=x", "pass word=x"] {
            assert!(wrong.parse::<KafkaProperty>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_and_durations_keep_to_their_range() {
        assert_eq!(whole_number(1..=4_u32)("4"), Ok(4));
        for wrong in ["5", "0", "-1", "+1", "1.0", "", "99999999999"] {
            assert_eq!(whole_number(1..=4_u32)(wrong), Err("expected a whole number from 1 to 4".into()));
        }
        assert_eq!(milliseconds(0..=9)("9"), Ok(Duration::from_millis(9)));
        assert_eq!(seconds(0.1..=9.0)("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(seconds(0.0..=9.0)("0"), Ok(Duration::ZERO));
        for wrong in ["0", "0.0", "10", "-1", "1e0", "inf", "nan", "", "1s"] {
            assert!(seconds(0.1..=9.0)(wrong).is_err(), "{wrong}");
        }
        assert_eq!(rate("0.5"), Ok(0.5));
        assert_eq!((accept_rate("0"), accept_rate("0.5")), (Ok(f64::INFINITY), Ok(0.5)));
        assert!(accept_rate("-1").is_err() && accept_rate("inf").is_err() && accept_rate("1000001").is_err());
        assert!(rate("0").is_err() && rate("1000001").is_err() && rate("1e3").is_err());
        assert_eq!(stale_factor("1.5"), Ok(1.5));
        assert!(stale_factor("1.4").is_err() && stale_factor("1001").is_err() && stale_factor("x").is_err());
        assert_eq!(frame_rate("0.1"), Ok(0.1));
        assert!(frame_rate("0.09").is_err() && frame_rate("1000001").is_err());
    }

    #[test]
    fn a_day_boundary_is_a_time_of_day() {
        assert_eq!(day_boundary("00:00"), Ok(Duration::ZERO));
        assert_eq!(day_boundary("22:30:15"), Ok(Duration::from_secs(81_015)));
        for wrong in ["", "24:00", "22", "22:60", "2:00", "22:00:00:00", "+2:00", "-1:00"] {
            assert!(day_boundary(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn topic_names_follow_kafkas_rule() {
        for right in ["ticks", "a.b_c-D9"] {
            assert_eq!(right.parse::<Topic>().unwrap().as_str(), right);
        }
        for wrong in ["", ".", "..", "a b", "ä", &"a".repeat(250)] {
            assert!(wrong.parse::<Topic>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sockjs_base_is_a_path_that_nothing_else_has() {
        for right in ["/sockjs", "/a/b-c/echo_1.x", "/portfolio", "none"] {
            assert_eq!(sockjs_base(right).unwrap(), right);
        }
        for wrong in [
            "", "/", "sockjs", "/sockjs/", "//a", "/a//b", "/a b", "/a{b}", "/a/..", "/ws", "/api/x",
            "/metrics",
        ] {
            assert!(sockjs_base(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_clients_address_can_stand_in_a_page() {
        for right in ["https://cdn.example/sockjs@1/sockjs.min.js", "/sockjs.js", "http://a:8080/s?v=1&w=2"] {
            assert_eq!(sockjs_client_url(right).unwrap(), right);
        }
        for wrong in
            ["", "/", "https://", "sockjs.js", "javascript:x", "/a\"b", "/a;b", "/a b", "/<b>", "/a'b"]
        {
            assert!(sockjs_client_url(wrong).is_err(), "{wrong}");
        }
    }
}
