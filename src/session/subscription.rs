//! SUBSCRIBE: what a client asks for, checked; contract §5.2.

use super::{
    CloseReason, Settings,
    acknowledgement::{AckMode, PREFETCH_DEFAULT, PREFETCH_MAX, PREFETCH_SUM_MAX, Unacknowledged},
    violation::Violation,
};
use crate::{
    destination::Destination,
    stomp::{Frame, FrameBuilder, Version},
};

/// The longest id. It's kept twice, once escaped, for each of a session's 1,024 subscriptions: with
/// this bound 0.8 MB at worst. Clients that number theirs need some six bytes.
const ID_BYTES_MAX: usize = 255;

/// A subscription that stands.
#[derive(Debug)]
pub struct Subscription {
    /// The client's name for it.
    pub(super) name: Name,
    /// Tells it from others that had its place before.
    pub(super) serial: u32,
    /// What each of its MESSAGE frames begins with.
    pub(super) head: Box<[u8]>,
    /// Whether it takes more than one symbol.
    pub(super) is_wildcard: bool,
    /// What the client has to acknowledge, if it does.
    pub(super) unacknowledged: Option<Box<Unacknowledged>>,
}

/// A client's name for a subscription.
#[derive(Debug)]
pub(super) enum Name {
    /// Its id.
    Id(Box<str>),
    /// In 1.0 its destination: an id isn't needed there.
    Destination(Box<str>),
    /// In 1.0 its id and its destination, either of which will do.
    Both(Box<(Box<str>, Box<str>)>),
}

/// How a SUBSCRIBE or UNSUBSCRIBE frame names a subscription.
#[derive(Clone, Copy, Debug)]
pub(super) struct Naming<'a> {
    id: Option<&'a str>,
    /// In 1.0 only.
    destination: Option<&'a str>,
}

impl<'a> Naming<'a> {
    pub(super) fn of(frame: &'a Frame, version: Version) -> Result<Self, Violation> {
        let id = frame.headers.get("id");
        let destination = frame.headers.get("destination").filter(|_| version == Version::V1_0);
        if id.or(destination).is_none() { Err(missing("id")) } else { Ok(Self { id, destination }) }
    }

    /// Whether it's the subscription's own: its id or, where neither has one, its destination.
    pub(super) fn is_of(self, name: &Name) -> bool {
        match (name, self.id) {
            (Name::Id(own), Some(id)) => **own == *id,
            (Name::Both(both), Some(id)) => *both.0 == *id,
            (Name::Destination(own), None) => self.destination == Some(own),
            _ => false,
        }
    }

    /// Whether it names the subscription's destination.
    pub(super) fn is_destination_of(self, name: &Name) -> bool {
        let Some(destination) = self.destination else { return false };
        match name {
            Name::Id(_) => false,
            Name::Destination(own) => **own == *destination,
            Name::Both(both) => *both.1 == *destination,
        }
    }

    /// The name of a new subscription.
    fn to_name(self) -> Result<Name, Violation> {
        match (self.id, self.destination) {
            (Some(id), _) if id.len() > ID_BYTES_MAX => {
                let detail = format!("an id may have {ID_BYTES_MAX} bytes, not {}", id.len());
                Err(Violation::new("wrong header value", detail))
            }
            (Some(id), Some(destination)) => Ok(Name::Both(Box::new((id.into(), destination.into())))),
            (Some(id), None) => Ok(Name::Id(id.into())),
            (None, Some(destination)) => Ok(Name::Destination(destination.into())),
            (None, None) => Err(missing("id")),
        }
    }
}

/// What a SUBSCRIBE asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which prices.
    pub destination: Destination,
    /// Whether the newest state is to be sent at once.
    pub snapshot: bool,
}

impl Subscription {
    /// How many messages it may be sent unacknowledged, if there is a limit.
    pub(super) fn prefetch(&self) -> Option<u32> {
        self.unacknowledged.as_ref().map(|unacknowledged| unacknowledged.prefetch())
    }
}

/// Reads a SUBSCRIBE frame. `serial` is the new subscription's.
pub(super) fn parse<'a>(
    frame: &Frame,
    version: Version,
    serial: u32,
    standing: impl Iterator<Item = &'a Subscription>,
    settings: &Settings,
) -> Result<(Subscription, Wanted), Violation> {
    let text = frame.headers.get("destination").ok_or_else(|| missing("destination"))?;
    let naming = Naming::of(frame, version)?;
    let name = naming.to_name()?;
    let destination = Destination::parse(text).map_err(|error| {
        Violation::new("unknown destination", format!("{text:.100?} isn't a destination: {error}"))
    })?;
    let snapshot = one_of(frame, "snapshot", &[("true", true), ("false", false)])?.unwrap_or(true);
    // What stands alone is what this version can do; anything else isn't passed over in silence.
    one_of(frame, "mode", &[("latest", ())])?;
    one_of(frame, "max-rate", &[("unlimited", ())])?;
    one_of(frame, "delta", &[("false", ())])?;
    if let Some(fields) = frame.headers.get("fields") {
        return Err(wrong("fields", fields, "none: the body is always the whole state"));
    }
    let head = FrameBuilder::new("MESSAGE", version);
    let head = head.optional("subscription", naming.id);
    let subscription = Subscription {
        name,
        serial,
        head: head.into_head().into(),
        is_wildcard: matches!(destination, Destination::Prices(_)),
        unacknowledged: parse_ack(frame)?.map(Box::new),
    };
    check_room(&subscription, naming, standing, settings)?;
    Ok((subscription, Wanted { destination, snapshot }))
}

/// `ack`, and the `prefetch-count` that belongs to it.
fn parse_ack(frame: &Frame) -> Result<Option<Unacknowledged>, Violation> {
    const MODES: [(&str, Option<AckMode>); 3] = [
        ("auto", None),
        ("client", Some(AckMode::Cumulative)),
        ("client-individual", Some(AckMode::Individual)),
    ];
    let mode = one_of(frame, "ack", &MODES)?.flatten();
    let prefetch = frame.headers.get("prefetch-count");
    match (mode, prefetch) {
        (None, None) => Ok(None),
        (None, Some(text)) => Err(wrong("prefetch-count", text, "with ack:client or ack:client-individual")),
        (Some(mode), None) => Ok(Some(Unacknowledged::new(mode, PREFETCH_DEFAULT))),
        (Some(mode), Some(text)) => {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
            let count = text.parse().ok().filter(|count| is_plain && (1..=PREFETCH_MAX).contains(count));
            let allowed = || format!("whole numbers from 1 to {PREFETCH_MAX}");
            let count = count.ok_or_else(|| wrong("prefetch-count", text, &allowed()))?;
            Ok(Some(Unacknowledged::new(mode, count)))
        }
    }
}

fn check_room<'a>(
    wanted: &Subscription,
    naming: Naming<'_>,
    standing: impl Iterator<Item = &'a Subscription>,
    settings: &Settings,
) -> Result<(), Violation> {
    let (mut all, mut wildcards, mut prefetch) = (0, 0, 0);
    for other in standing {
        if naming.is_of(&other.name) {
            return Err(duplicate(naming));
        }
        all += 1;
        wildcards += usize::from(other.is_wildcard);
        prefetch += other.prefetch().unwrap_or(0);
    }
    let too_many = |detail| {
        Err(Violation::new("too many subscriptions", detail).closing_with(CloseReason::TooManySubscriptions))
    };
    if all >= settings.subscriptions_max {
        too_many(format!("a session may have {} subscriptions", settings.subscriptions_max))
    } else if wanted.is_wildcard && wildcards >= settings.wildcards_max {
        too_many(format!("a session may have {} wildcard subscriptions", settings.wildcards_max))
    } else if prefetch + wanted.prefetch().unwrap_or(0) > PREFETCH_SUM_MAX {
        too_many(format!("the prefetch-counts of a session may come to {PREFETCH_SUM_MAX}"))
    } else {
        Ok(())
    }
}

fn duplicate(naming: Naming<'_>) -> Violation {
    let detail = match (naming.id, naming.destination) {
        (Some(id), _) => format!("id {id:.100?} is in use; UNSUBSCRIBE it first, or take another"),
        (None, destination) => {
            let destination = destination.unwrap_or_default();
            format!("{destination:.100?} is subscribed to; give an id to subscribe to it again")
        }
    };
    Violation::new("duplicate subscription id", detail)
}

/// The value of an optional header with a closed set of values.
fn one_of<T: Copy>(frame: &Frame, header: &str, allowed: &[(&str, T)]) -> Result<Option<T>, Violation> {
    let Some(value) = frame.headers.get(header) else { return Ok(None) };
    match allowed.iter().find(|(text, _)| *text == value) {
        Some((_, value)) => Ok(Some(*value)),
        None => {
            let texts: Vec<&str> = allowed.iter().map(|(text, _)| *text).collect();
            Err(wrong(header, value, &texts.join(", ")))
        }
    }
}

pub(super) fn missing(header: &str) -> Violation {
    Violation::new("missing header", format!("the header {header} must be there"))
}

fn wrong(header: &str, value: &str, allowed: &str) -> Violation {
    let shown: String = value.chars().take(100).flat_map(char::escape_debug).collect();
    Violation::new("wrong header value", format!("{header}:{shown} isn't possible here; allowed: {allowed}"))
}
