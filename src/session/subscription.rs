//! SUBSCRIBE: what a client asks for, checked; contract §5.2.

use super::{CloseReason, Settings, violation::Violation};
use crate::{
    destination::Destination,
    stomp::{Frame, FrameBuilder},
};

/// The longest id. It's kept twice, once escaped, for each of a session's 1,024 subscriptions: with
/// this bound 0.8 MB at worst. Clients that number theirs need some six bytes.
const ID_BYTES_MAX: usize = 255;

/// A subscription that stands.
#[derive(Debug)]
pub struct Subscription {
    /// The client's name for it.
    pub(super) id: Box<str>,
    /// What each of its MESSAGE frames begins with.
    pub(super) head: Box<[u8]>,
    /// Whether it takes more than one symbol.
    pub(super) is_wildcard: bool,
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
    fn new(id: &str, destination: &Destination) -> Self {
        Self {
            id: id.into(),
            head: FrameBuilder::new("MESSAGE").header("subscription", id).into_head().into(),
            is_wildcard: matches!(destination, Destination::Prices(_)),
        }
    }
}

/// Reads a SUBSCRIBE frame.
pub(super) fn parse<'a>(
    frame: &Frame,
    standing: impl Iterator<Item = &'a Subscription>,
    settings: &Settings,
) -> Result<(Subscription, Wanted), Violation> {
    let text = frame.headers.get("destination").ok_or_else(|| missing("destination"))?;
    let id = frame.headers.get("id").ok_or_else(|| missing("id"))?;
    if id.len() > ID_BYTES_MAX {
        let detail = format!("an id may have {ID_BYTES_MAX} bytes, not {}", id.len());
        return Err(Violation::new("wrong header value", detail));
    }
    let destination = Destination::parse(text).map_err(|error| {
        Violation::new("unknown destination", format!("{text:.100?} isn't a destination: {error}"))
    })?;
    let snapshot = one_of(frame, "snapshot", &[("true", true), ("false", false)])?.unwrap_or(true);
    // What stands alone is what this version can do; anything else isn't passed over in silence.
    one_of(frame, "mode", &[("latest", ())])?;
    one_of(frame, "max-rate", &[("unlimited", ())])?;
    one_of(frame, "delta", &[("false", ())])?;
    one_of(frame, "ack", &[("auto", ())])?;
    if let Some(fields) = frame.headers.get("fields") {
        return Err(wrong("fields", fields, "none: the body is always the whole state"));
    }
    let subscription = Subscription::new(id, &destination);
    check_room(&subscription, standing, settings)?;
    Ok((subscription, Wanted { destination, snapshot }))
}

fn check_room<'a>(
    wanted: &Subscription,
    standing: impl Iterator<Item = &'a Subscription>,
    settings: &Settings,
) -> Result<(), Violation> {
    let (mut all, mut wildcards) = (0, 0);
    for other in standing {
        if other.id == wanted.id {
            let detail = format!("id {:.100?} is in use; UNSUBSCRIBE it first, or take another", wanted.id);
            return Err(Violation::new("duplicate subscription id", detail));
        }
        all += 1;
        wildcards += usize::from(other.is_wildcard);
    }
    let too_many = |limit, what| {
        Err(Violation::new("too many subscriptions", format!("a session may have {limit} {what}"))
            .closing_with(CloseReason::TooManySubscriptions))
    };
    if all >= settings.subscriptions_max {
        too_many(settings.subscriptions_max, "subscriptions")
    } else if wanted.is_wildcard && wildcards >= settings.wildcards_max {
        too_many(settings.wildcards_max, "wildcard subscriptions")
    } else {
        Ok(())
    }
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
    Violation::new(
        "wrong header value",
        format!("{header}:{value:.100} isn't possible here; allowed: {allowed}"),
    )
}
