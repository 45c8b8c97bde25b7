//! What a SUBSCRIBE may ask for beside the ordinary: how often, how much, and what of it.

use super::{
    Delivery,
    parse::{one_of, wrong},
};
use crate::{
    conflation::MaxRate,
    destination::Destination,
    publication::Fields,
    session::{Settings, violation::Violation},
    stomp::Frame,
};

/// What was agreed beside the ordinary.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::session) struct Options {
    pub(in crate::session) max_rate: MaxRate,
    /// Whether every tick is sent.
    pub(in crate::session) every: bool,
    /// None: the whole state.
    pub(in crate::session) projection: Option<Projection>,
}

/// What parts of a state are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) struct Projection {
    /// These at most.
    pub(in crate::session) fields: Fields,
    /// Only those of them that changed.
    pub(in crate::session) delta: bool,
}

/// How a subscription is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Latest,
    Every,
}

impl Options {
    /// Reads the headers that have to do with prices.
    pub(super) fn parse(
        frame: &Frame,
        destination: &Destination,
        settings: &Settings,
    ) -> Result<Self, Violation> {
        let mode = one_of(frame, "mode", &[("latest", Mode::Latest), ("every", Mode::Every)])?;
        let every = mode == Some(Mode::Every);
        let asked = parse_max_rate(frame)?;
        let delta = one_of(frame, "delta", &[("true", true), ("false", false)])?.unwrap_or(false);
        let fields = parse_fields(frame)?;
        let projection =
            (delta || fields.is_some()).then(|| Projection { fields: fields.unwrap_or(Fields::ALL), delta });
        match destination {
            Destination::Prices(_) if every => {
                if settings.every_ticks_max == 0 {
                    return Err(wrong("mode", "every", "latest"));
                }
                if let (MaxRate::PerSecond(_), Some(text)) = (asked, frame.headers.get("max-rate")) {
                    return Err(wrong("max-rate", text, "unlimited, in mode every"));
                }
                Ok(Self { max_rate: MaxRate::Unlimited, every, projection })
            }
            Destination::Prices(_) => Ok(Self { max_rate: asked.min(settings.max_rate), every, projection }),
            Destination::Snapshot(_) if every => {
                Err(wrong("mode", "every", "latest; a snapshot is sent once"))
            }
            // How often, and what changed since: both mean nothing for something that is sent once.
            Destination::Snapshot(_) => Ok(Self { projection, ..Self::default() }),
            Destination::Notices(_) => {
                let is_ordinary = !every && asked == MaxRate::Unlimited && projection.is_none();
                if is_ordinary { Ok(Self::default()) } else { Err(only_for_prices()) }
            }
        }
    }

    /// Nothing if it's the ordinary.
    pub(super) fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }

    pub(super) const fn delivery(&self, destination: &Destination) -> Delivery {
        match destination {
            Destination::Snapshot(_) => Delivery::Once,
            _ if self.every => Delivery::Every,
            _ => Delivery::Latest,
        }
    }
}

fn only_for_prices() -> Violation {
    let detail = "mode:every, max-rate, fields and delta are for prices; notices are told as they are";
    Violation::new("wrong header value", detail)
}

fn parse_max_rate(frame: &Frame) -> Result<MaxRate, Violation> {
    let Some(text) = frame.headers.get("max-rate") else { return Ok(MaxRate::Unlimited) };
    text.parse().map_err(|_| wrong("max-rate", text, MaxRate::ALLOWED))
}

fn parse_fields(frame: &Frame) -> Result<Option<Fields>, Violation> {
    let Some(text) = frame.headers.get("fields") else { return Ok(None) };
    match Fields::parse(text) {
        Ok(fields) => Ok(Some(fields)),
        Err(error) => Err(wrong("fields", text, &format!("{error}"))),
    }
}
