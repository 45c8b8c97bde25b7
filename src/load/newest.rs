//! The newest `seq` that a session has seen of each destination: what shows disorder, and what was left behind.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{session::Session, shared::Shared};
use crate::client::Frame;

/// The newest `seq` of each of a session's destinations.
#[derive(Debug)]
pub(super) enum Newest {
    /// By subscription: `seq` and one, or 0 while there was none.
    Slots(Box<[u64]>),
    /// By subscription and number of the destination, where wildcards bring any.
    Brought(HashMap<(usize, usize), u64, RandomState>),
}

/// What a `seq` is to the ones before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    First,
    Up,
    /// It's no higher than one before.
    Back,
    /// It is of no subscription of the session.
    Unknown,
}

impl Newest {
    pub(super) fn new(shared: &Shared) -> Self {
        match shared.is_wildcard() {
            true => Self::Brought(HashMap::default()),
            false => Self::Slots(vec![0; shared.subscriptions()].into()),
        }
    }

    /// Takes the `seq` of a message.
    pub(super) fn step(&mut self, frame: &Frame<'_>, seq: u64, shared: &Shared) -> Step {
        let Some(subscription) = number(frame.subscription) else { return Step::Unknown };
        let newest = match self {
            Self::Slots(slots) => match slots.get_mut(subscription) {
                Some(newest) => newest,
                None => return Step::Unknown,
            },
            Self::Brought(brought) => match shared.brought(frame.destination) {
                Some(destination) => brought.entry((subscription, destination)).or_default(),
                None => return Step::Unknown,
            },
        };
        let (before, now) = (*newest, seq.saturating_add(1));
        *newest = before.max(now);
        match before {
            0 => Step::First,
            before if now > before => Step::Up,
            _ => Step::Back,
        }
    }

    /// The newest of each destination by its number.
    fn each(&self, session: usize, shared: &Shared, mut tell: impl FnMut(usize, u64)) {
        match self {
            Self::Slots(slots) => {
                let seen = slots.iter().enumerate().filter(|(_, newest)| **newest > 0);
                seen.for_each(|(subscription, newest)| tell(shared.place(session, subscription), *newest));
            }
            Self::Brought(brought) => {
                brought.iter().for_each(|((_, destination), newest)| tell(*destination, *newest));
            }
        }
    }
}

/// How many pairs of a session and a destination there are, and how many of them are behind another session's.
pub(super) fn held_and_behind<'a>(
    sessions: impl Iterator<Item = &'a Session> + Clone,
    shared: &Shared,
) -> (u64, u64) {
    let mut newest_of = HashMap::<usize, u64, RandomState>::default();
    let mut held = 0;
    for session in sessions.clone() {
        session.newest().each(session.index(), shared, |destination, newest| {
            held += 1;
            let of_all = newest_of.entry(destination).or_default();
            *of_all = newest.max(*of_all);
        });
    }
    let mut behind = 0;
    for session in sessions {
        session.newest().each(session.index(), shared, |destination, newest| {
            behind += u64::from(newest_of[&destination] > newest);
        });
    }
    (held, behind)
}

/// The ids of our subscriptions are numbers.
fn number(id: &[u8]) -> Option<usize> {
    str::from_utf8(id).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::{Event, Reader},
        config::HostPort,
        load::Plan,
    };

    fn shared(destination: &str) -> Shared {
        let server = HostPort { host: "h".to_owned(), port: 1 };
        let plan = Plan { subscriptions: 2, ..Plan::new(server) };
        Shared::new(plan, vec![destination.to_owned(), "/b".to_owned()], false)
    }

    #[track_caller]
    fn check(shared: &Shared, messages: &[(&str, &str, u64, Step)]) {
        let mut newest = Newest::new(shared);
        for (subscription, destination, seq, expected) in messages {
            let text = format!("MESSAGE\nsubscription:{subscription}\ndestination:{destination}\n\n\0");
            let bytes = [&[0x81, text.len() as u8], text.as_bytes()].concat();
            let mut step = None;
            let take = |event: Event<'_>| {
                let Event::Frame(frame) = event else { panic!("{event:?}") };
                step = Some(newest.step(&frame, *seq, shared));
            };
            Reader::default().read(&bytes, take).unwrap();
            assert_eq!(step, Some(*expected), "{subscription} {destination} {seq}");
        }
    }

    #[test]
    fn a_seq_rises_within_its_subscription() {
        check(
            &shared("/a"),
            &[
                ("0", "/a", 0, Step::First),
                ("0", "/a", 0, Step::Back),
                ("0", "/a", 5, Step::Up),
                ("1", "/b", 3, Step::First),
                ("0", "/a", 4, Step::Back),
                ("0", "/a", 6, Step::Up),
                ("2", "/c", 1, Step::Unknown),
                ("x", "/c", 1, Step::Unknown),
            ],
        );
    }

    #[test]
    fn a_seq_of_a_wildcard_rises_within_its_destination() {
        check(
            &shared("/topic/*"),
            &[
                ("0", "/topic/x", 7, Step::First),
                ("0", "/topic/y", 3, Step::First),
                ("0", "/topic/y", 4, Step::Up),
                ("0", "/topic/x", 7, Step::Back),
                ("1", "/topic/x", 7, Step::First),
            ],
        );
    }
}
