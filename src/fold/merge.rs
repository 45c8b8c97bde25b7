//! What the parts of a symbol that moved to another partition come to together.
//!
//! Its records are in the order of the log's time, those of one time in the order of their partitions, and within a
//! partition as they stand there. The parts come to what the fold of all records in that order is, whichever of the
//! partitions was read first: a price is the last one told, the day's trades add up in any order, and only its first
//! and last need to be known by their time.
//!
//! One thing can't be exact, since a part doesn't keep its ticks: a tombstone in one partition that comes between two
//! ticks in another. Prices of before it are forgotten as they should be, while the trades of that day count
//! all, those before it, too. Even then every server and every start come to the same.

use super::part::Part;
use crate::{
    market::{DayFold, Instrument, State},
    publication::Status,
};

/// Where in a symbol's records one stands, of two partitions: the log's time, and then the partition.
type Place = (i64, i32);

/// What the parts come to.
#[derive(Clone, Debug)]
pub(super) struct Merged {
    /// Which part has the newest record.
    pub(super) newest: usize,
    pub(super) status: Status,
    pub(super) follows_clock: bool,
    pub(super) instrument: Instrument,
}

/// The last tombstone; what was told before it is forgotten.
#[derive(Clone, Copy)]
struct Cleared(Option<Place>);

impl Cleared {
    fn of(parts: &[Part]) -> Self {
        let tombstones = parts.iter().filter(|part| part.told.cleared_us >= 0);
        Self(tombstones.map(|part| (part.told.cleared_us, part.partition)).max())
    }

    /// Whether what a part was told at this time still holds. What is left in the part with the tombstone came after
    /// it.
    fn leaves(self, at_us: i64, partition: i32) -> bool {
        self.0.is_none_or(|cleared| cleared.1 == partition || (at_us, partition) > cleared)
    }
}

/// Merges parts, of which there is at least one.
pub(super) fn merge(parts: &[Part]) -> Merged {
    let place = |at: &usize| (parts[*at].at_us, parts[*at].partition);
    let newest = (0..parts.len()).max_by_key(place).expect("a symbol has a part");
    let cleared = Cleared::of(parts);
    let left: Vec<&Part> = parts.iter().filter(|part| cleared.leaves(part.at_us, part.partition)).collect();
    let last = |told_us: fn(&Part) -> i64| {
        let told = left.iter().map(|part| (told_us(part), part.partition, part.state()));
        let valid = told.filter(|(at_us, partition, _)| *at_us >= 0 && cleared.leaves(*at_us, *partition));
        valid.max_by_key(|(at_us, partition, _)| (*at_us, *partition)).map(|(_, _, state)| state)
    };
    let day_number = left.iter().map(|part| part.instrument.day_number()).max().unwrap_or_default();
    let state = State {
        trade: last(|part| part.told.trade_us).and_then(|state| state.trade),
        bid: last(|part| part.told.bid_us).and_then(|state| state.bid),
        ask: last(|part| part.told.ask_us).and_then(|state| state.ask),
        venue: last(|part| part.told.venue_us).and_then(|state| state.venue.clone()),
        day: day(&left, day_number),
        time_us: parts[newest].state().time_us,
    };
    Merged {
        newest,
        status: parts[newest].status,
        follows_clock: left.iter().any(|part| part.follows_clock),
        instrument: Instrument::new(state, day_number),
    }
}

/// The trades of one trading day, of all parts.
fn day(parts: &[&Part], day_number: i64) -> Option<DayFold> {
    let in_it = parts.iter().filter(|part| part.instrument.day_number() == day_number);
    let mut days: Vec<(Place, DayFold)> =
        in_it.filter_map(|part| Some(((part.told.open_us, part.partition), part.state().day?))).collect();
    days.sort_by_key(|(place, _)| *place);
    days.into_iter().map(|(_, day)| day).reduce(DayFold::with)
}
