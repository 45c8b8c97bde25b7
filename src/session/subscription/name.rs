//! How a client and its session call a subscription.

use smol_str::SmolStr;

use super::parse::missing;
use crate::{
    session::violation::Violation,
    stomp::{Frame, Version},
};

/// The longest id. It's kept twice, once escaped, for each of a session's 1,024 subscriptions: with
/// this bound 0.8 MB at worst. Clients that number theirs need some six bytes, and no room beyond the subscription's.
const ID_BYTES_MAX: usize = 255;

/// A client's name for a subscription.
#[derive(Debug)]
pub(in crate::session) enum Name {
    /// Its id; within the value itself unless it's longer than 23 bytes.
    Id(SmolStr),
    /// In 1.0 its destination: an id isn't needed there.
    Destination(Box<str>),
    /// In 1.0 its id and its destination, either of which will do.
    Both(Box<(Box<str>, Box<str>)>),
}

impl Name {
    /// Its id; none is as good as an empty one.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Both(both) => &both.0,
            Self::Destination(_) => "",
        }
    }
}

/// How a SUBSCRIBE or UNSUBSCRIBE frame names a subscription.
#[derive(Clone, Copy, Debug)]
pub(in crate::session) struct Naming<'a> {
    pub(super) id: Option<&'a str>,
    /// In 1.0 only.
    pub(super) destination: Option<&'a str>,
}

impl<'a> Naming<'a> {
    pub(in crate::session) fn of(frame: &'a Frame, version: Version) -> Result<Self, Violation> {
        let id = frame.headers.get("id");
        let destination = frame.headers.get("destination").filter(|_| version == Version::V1_0);
        if id.or(destination).is_none() { Err(missing("id")) } else { Ok(Self { id, destination }) }
    }

    /// Whether it's the subscription's own: its id or, where neither has one, its destination.
    pub(in crate::session) fn is_of(self, name: &Name) -> bool {
        match (name, self.id) {
            (Name::Id(own), Some(id)) => *own == *id,
            (Name::Both(both), Some(id)) => *both.0 == *id,
            (Name::Destination(own), None) => self.destination == Some(own),
            _ => false,
        }
    }

    /// Whether it names the subscription's destination.
    pub(in crate::session) fn is_destination_of(self, name: &Name) -> bool {
        let Some(destination) = self.destination else { return false };
        match name {
            Name::Id(_) => false,
            Name::Destination(own) => **own == *destination,
            Name::Both(both) => *both.1 == *destination,
        }
    }

    /// The name of a new subscription.
    pub(super) fn to_name(self) -> Result<Name, Violation> {
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
