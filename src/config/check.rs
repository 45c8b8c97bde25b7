//! What holds between settings: combinations that can't work, and those that work but look unwise.

use std::{fmt, fs, net::IpAddr, os::unix::fs::MetadataExt, time::Duration};

use super::{
    Admission, AllowedOrigin, Broker, FeedStatus, HostPort, Kafka, KafkaProperty, Limits, MaxRate, Origin,
    Proxies, Serve, Server, Sockjs, TlsFiles, TrustedProxy, property_name::canonical,
};
use crate::transport::tls::TlsError;

/// A combination that can't work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The settings concerned, by their key.
    pub keys: Vec<&'static str>,
    /// What is wrong with them and what is allowed.
    pub reason: String,
}

/// A setting that works but that an operator should think about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwise {
    /// The setting concerned, by its key.
    pub key: &'static str,
    /// What may come of it.
    pub reason: String,
}

/// Properties of librdkafka, by its own names, that other settings decide, with the key of that setting.
const DECIDED_ELSEWHERE: [(&str, &str); 3] = [
    ("metadata.broker.list", "kafka"),
    ("test.mock.num.brokers", "kafka"),
    ("auto.offset.reset", "start_from"),
];

/// Properties of librdkafka that can only be as they are, and why.
const FIXED: [(&str, &str); 5] = [
    ("enable.partition.eof", "a partition's end tells that it was read"),
    ("isolation.level", "what a transaction aborted is never shown"),
    ("enable.auto.commit", "nothing is committed: the log itself and the checkpoint tell where to go on"),
    (
        "enable.auto.offset.store",
        "nothing is committed: the log itself and the checkpoint tell where to go on",
    ),
    ("transactional.id", "nothing is published in transactions"),
];

/// Checks a cluster's addresses.
///
/// # Errors
/// The first that no broker can have.
pub fn check_bootstrap(bootstrap: &[HostPort]) -> Result<(), Invalid> {
    let Some(address) = bootstrap.iter().find(|address| address.port == 0) else { return Ok(()) };
    let reason = format!("port 0 of {address} is no broker's: expected a port from 1 to 65535");
    Err(Invalid { keys: vec!["kafka"], reason })
}

/// Checks that no property of librdkafka is one that another setting decides, or that nobody may.
///
/// # Errors
/// The first that is, with the setting that decides it, or why it can't be set.
pub fn check_decided_elsewhere(properties: &[KafkaProperty]) -> Result<(), Invalid> {
    for property in properties {
        let own_name = canonical(&property.key);
        if let Some((_, key)) = DECIDED_ELSEWHERE.iter().find(|(name, _)| *name == own_name) {
            let reason = format!("{} is decided by `{key}`: set that one", property.key);
            return Err(Invalid { keys: vec!["kafka_property", "kafka_property_file"], reason });
        }
        if let Some((name, why)) = FIXED.iter().find(|(name, _)| *name == own_name) {
            let reason = format!("{name} can't be set: {why}");
            return Err(Invalid { keys: vec!["kafka_property", "kafka_property_file"], reason });
        }
    }
    Ok(())
}

impl Serve {
    /// Checks what single values can't show.
    ///
    /// # Errors
    /// The first combination that can't work.
    pub fn check(&self) -> Result<(), Invalid> {
        self.limits.check()?;
        self.sockjs.check()?;
        self.kafka.check()?;
        self.check_checkpoint()?;
        self.tls.as_ref().map_or(Ok(()), check_tls)
    }

    /// What works but looks unwise, in the order of the settings.
    pub fn unwise(&self) -> Vec<Unwise> {
        let mut found = Vec::new();
        let mut note = |key, reason: &str| found.push(Unwise { key, reason: reason.to_owned() });
        self.server.note_unwise(&self.origin, &mut note);
        self.note_unwise_tls(&mut note);
        note_unwise_admission(&self.admission, &mut note);
        note_unwise_proxies(&self.proxies, &mut note);
        self.kafka.note_unwise(&mut note);
        note_unwise_feed(&self.feed, &mut note);
        if self.checkpoint.as_ref().is_some_and(|it| it.interval > Duration::from_secs(600)) {
            note(
                "checkpoint_interval_s",
                "above ten minutes: a start after a crash reads as much of the log",
            );
        }
        self.limits.note_unwise(&mut note);
        self.origin.note_unwise(&mut note);
        self.sockjs.note_unwise(&mut note);
        found
    }

    fn check_checkpoint(&self) -> Result<(), Invalid> {
        let Some(checkpoint) = &self.checkpoint else { return Ok(()) };
        if matches!(self.kafka.broker, Broker::Embedded { .. }) {
            let reason = "the embedded broker keeps nothing, and so there is no log to go on with: set a cluster, or \
                          no checkpoint";
            return Err(Invalid { keys: vec!["checkpoint", "kafka"], reason: reason.to_owned() });
        }
        checkpoint.check()
    }

    fn note_unwise_tls(&self, note: &mut impl FnMut(&'static str, &str)) {
        match &self.tls {
            None if !self.server.is_loopback() && self.proxies.trusted.is_empty() => note(
                "listen",
                "other machines can connect without TLS: set tls_certificate and tls_key, or name the proxies that \
                 end TLS in trusted_proxies",
            ),
            // A file that can't be looked at can't be read, which is another matter.
            Some(files) if fs::metadata(&files.key).is_ok_and(|file| file.mode() & 0o004 != 0) => {
                let reason = format!("every user of this machine can read {}", files.key.display());
                note("tls_key", &reason);
            }
            _ => {}
        }
    }
}

fn note_unwise_admission(admission: &Admission, note: &mut impl FnMut(&'static str, &str)) {
    if admission.sessions_per_address_max.is_none() {
        note("max_connections_per_ip", "0: one machine can take every place");
    }
    if admission.rate.per_s.is_infinite() {
        note("accept_rate", "0: new sessions can take all the time that those need which are open");
    }
}

fn note_unwise_proxies(proxies: &Proxies, note: &mut impl FnMut(&'static str, &str)) {
    if proxies.trusted.iter().any(TrustedProxy::is_everybody) {
        note(
            "trusted_proxies",
            "every address is taken for a proxy's: every client can say that it's another",
        );
    }
}

fn note_unwise_feed(feed: &FeedStatus, note: &mut impl FnMut(&'static str, &str)) {
    if feed.stale_factor < 4.0 {
        note(
            "feed_stale_factor",
            "below 4: a feed whose ticks come by chance is called stale while it's well",
        );
    }
    if feed.stale_floor < Duration::from_secs(1) {
        note(
            "feed_stale_floor_s",
            "below a second: what is lost on the network and sent again looks like silence",
        );
    } else if feed.stale_floor > Duration::from_secs(600) {
        note("feed_stale_floor_s", "above ten minutes: nobody is told for so long that prices stand still");
    }
    if feed.lag_records < 1000 {
        note("feed_lag_records", "below 1000: an ordinary burst is called a lag");
    }
}

fn check_tls(files: &TlsFiles) -> Result<(), Invalid> {
    files.check().map_err(|error| {
        let keys = match &error {
            TlsError::Certificate(_) => vec!["tls_certificate"],
            TlsError::Key(_) => vec!["tls_key"],
            TlsError::Pair(_) => vec!["tls_certificate", "tls_key"],
        };
        Invalid { keys, reason: error.to_string() }
    })
}

impl Server {
    fn is_loopback(&self) -> bool {
        self.listen.host == "localhost"
            || self.listen.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    fn note_unwise(&self, origin: &Origin, note: &mut impl FnMut(&'static str, &str)) {
        if !self.is_loopback() && origin.allowed.is_empty() {
            note(
                "listen",
                "other machines can connect, yet allowed_origins is empty: pages of no other origin are let in",
            );
        }
    }
}

impl Kafka {
    fn check(&self) -> Result<(), Invalid> {
        match &self.broker {
            Broker::Cluster { bootstrap } => check_bootstrap(bootstrap),
            Broker::Embedded { .. } => Ok(()),
        }
    }

    fn note_unwise(&self, note: &mut impl FnMut(&'static str, &str)) {
        match &self.broker {
            Broker::Embedded { .. } => {
                note("kafka", "not set: the embedded broker is for development and keeps nothing");
            }
            Broker::Cluster { .. } => {
                let set = |key: &str| self.properties.iter().any(|property| property.key == key);
                let lag_is_unknown =
                    |it: &KafkaProperty| it.key == "statistics.interval.ms" && it.value == "0";
                if self.properties.iter().any(lag_is_unknown) {
                    note(
                        "kafka_property",
                        "statistics.interval.ms=0: how far the server is behind is never known",
                    );
                }
                if set("sasl.password") && !set("security.protocol") {
                    note("kafka_property", "sasl.password without security.protocol is never used");
                }
            }
        }
    }
}

impl Limits {
    fn check(&self) -> Result<(), Invalid> {
        if self.frame_before_connect_bytes > self.frame_bytes {
            return Err(Invalid {
                keys: vec!["frame_limit_before_connect_bytes", "frame_limit_bytes"],
                reason: format!(
                    "the limit before CONNECT, {}, can't be above the limit after it, {}",
                    self.frame_before_connect_bytes, self.frame_bytes
                ),
            });
        }
        if self.max_wildcards > self.max_subscriptions {
            return Err(Invalid {
                keys: vec!["max_wildcards", "max_subscriptions"],
                reason: format!(
                    "wildcards are subscriptions too: {} of them can't be above {}",
                    self.max_wildcards, self.max_subscriptions
                ),
            });
        }
        Ok(())
    }

    fn note_unwise(&self, note: &mut impl FnMut(&'static str, &str)) {
        const MINUTE: Duration = Duration::from_secs(60);
        if self.request_deadline > MINUTE {
            note("request_deadline_s", "above a minute: connections that never ask for anything pile up");
        }
        if self.connect_deadline > MINUTE {
            note("connect_deadline_s", "above a minute: connections that never say CONNECT pile up");
        }
        if self.send_deadline > MINUTE {
            note(
                "send_deadline_s",
                "above a minute: clients that stopped reading keep their memory for so long",
            );
        }
        if self.max_rate != MaxRate::Unlimited && self.every_ticks > 0 {
            note("max_rate", "it doesn't hold for mode every, which every_ticks = 0 takes away");
        }
        if self.every_ticks > 100_000 {
            note(
                "every_ticks",
                "above 100000: each session may keep so many states alive, some 700 bytes each",
            );
        }
        if self.heart_beat.is_zero() {
            note(
                "heart_beat_ms",
                "0 offers no heart-beat: STOMP clients notice a dead connection late or never",
            );
        } else if self.heart_beat < Duration::from_secs(1) {
            note("heart_beat_ms", "below a second: every session costs a write for each");
        }
        if self.ping_interval > MINUTE {
            note("ping_interval_s", "above a minute: proxies close connections that are silent for so long");
        }
    }
}

impl Origin {
    fn note_unwise(&self, note: &mut impl FnMut(&'static str, &str)) {
        for origin in &self.allowed {
            match origin {
                AllowedOrigin::Any => note("allowed_origins", "`*` lets the pages of every site connect"),
                AllowedOrigin::Exact(text) if text == "null" => {
                    note("allowed_origins", "`null` lets any sandboxed frame and any local file connect");
                }
                AllowedOrigin::Exact(_) | AllowedOrigin::Below { .. } => {}
            }
        }
    }
}

impl Sockjs {
    fn check(&self) -> Result<(), Invalid> {
        for (at, base) in self.bases.iter().enumerate() {
            let is_within = |other: &String| {
                base.strip_prefix(other.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let others = self.bases.iter().enumerate().filter(|(other, _)| *other != at);
            if let Some((_, other)) = others.into_iter().find(|(_, other)| is_within(other)) {
                let reason = format!("{base} is a path of {other}: expected bases apart from each other");
                return Err(Invalid { keys: vec!["sockjs_bases"], reason });
            }
        }
        Ok(())
    }

    fn note_unwise(&self, note: &mut impl FnMut(&'static str, &str)) {
        if self.legacy_transports {
            note(
                "sockjs_legacy_transports",
                "browsers name no origin in frames and scripts: pages of every site can read prices there",
            );
        }
    }
}

impl fmt::Display for Unwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.reason)
    }
}
