//! SUBSCRIBE: what a client asks for, checked; contract §5.2.

use super::{Head, Naming, Options, Subject, Subscription, Wanted};
use crate::{
    destination::{Destination, Symbols},
    session::{
        CloseReason, Settings,
        acknowledgement::{AckMode, PREFETCH_DEFAULT, PREFETCH_MAX, PREFETCH_SUM_MAX, Unacknowledged},
        violation::Violation,
    },
    stomp::{Frame, Version},
};

/// Subscriptions to what is told beside prices: there are three such destinations.
pub(in crate::session) const NOTICES_MAX: usize = 8;

/// Reads a SUBSCRIBE frame. `serial` is the new subscription's.
pub(in crate::session) fn parse<'a>(
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
    let options = Options::parse(frame, &destination, settings)?;
    let delivery = options.delivery(&destination);
    let unacknowledged = parse_ack(frame)?.map(Box::new);
    let subject = match &destination {
        Destination::Prices(Symbols::One(_)) => Subject::Price,
        Destination::Prices(Symbols::Matching(_)) => Subject::Prices,
        Destination::Snapshot(_) if !snapshot => {
            return Err(wrong("snapshot", "false", "true; that is what the destination is for"));
        }
        Destination::Snapshot(Symbols::One(_)) => Subject::Snapshot,
        Destination::Snapshot(Symbols::Matching(_)) => Subject::Snapshots,
        Destination::Notices(_) if unacknowledged.is_some() => {
            return Err(wrong(
                "ack",
                frame.headers.get("ack").unwrap_or_default(),
                "auto; notices need none",
            ));
        }
        Destination::Notices(of) => Subject::Notices { of: *of, is_begun: !snapshot, is_due: snapshot },
    };
    let head = Head::of(naming, version);
    let subscription = Subscription { name, serial, head, subject, options: options.boxed(), unacknowledged };
    check_room(&subscription, naming, standing, settings)?;
    let symbols = match destination {
        Destination::Prices(symbols) | Destination::Snapshot(symbols) => Some(symbols),
        Destination::Notices(_) => None,
    };
    Ok((subscription, Wanted { symbols, delivery, snapshot }))
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
    let (mut all, mut wildcards, mut notices, mut prefetch) = (0, 0, 0, 0);
    for other in standing {
        if naming.is_of(&other.name) {
            return Err(duplicate(naming));
        }
        all += 1;
        wildcards += usize::from(other.takes_many());
        notices += usize::from(other.is_of_notices());
        prefetch += other.prefetch().unwrap_or(0);
    }
    let too_many = |detail| {
        Err(Violation::new("too many subscriptions", detail).closing_with(CloseReason::TooManySubscriptions))
    };
    if all >= settings.subscriptions_max {
        too_many(format!("a session may have {} subscriptions", settings.subscriptions_max))
    } else if wanted.is_of_notices() && notices >= NOTICES_MAX {
        too_many(format!("a session may have {NOTICES_MAX} subscriptions to notices"))
    } else if wanted.takes_many() && wildcards >= settings.wildcards_max {
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
pub(super) fn one_of<T: Copy>(
    frame: &Frame,
    header: &str,
    allowed: &[(&str, T)],
) -> Result<Option<T>, Violation> {
    let Some(value) = frame.headers.get(header) else { return Ok(None) };
    match allowed.iter().find(|(text, _)| *text == value) {
        Some((_, value)) => Ok(Some(*value)),
        None => {
            let texts: Vec<&str> = allowed.iter().map(|(text, _)| *text).collect();
            Err(wrong(header, value, &texts.join(", ")))
        }
    }
}

pub(in crate::session) fn missing(header: &str) -> Violation {
    Violation::new("missing header", format!("the header {header} must be there"))
}

pub(super) fn wrong(header: &str, value: &str, allowed: &str) -> Violation {
    let shown: String = value.chars().take(100).flat_map(char::escape_debug).collect();
    Violation::new("wrong header value", format!("{header}:{shown} isn't possible here; allowed: {allowed}"))
}
