//! What differs between two states of a symbol: what a subscription with `delta:true` is sent, and whether one with
//! `fields` is sent anything (contract §5.2).

use super::{Content, Field, Fields};
use crate::market::State;

impl Content {
    /// The fields that differ from an earlier state of the same symbol, those that became unknown among them. Merging
    /// [`View::Changes`](super::View::Changes) of them into the earlier state gives this one.
    pub fn changed_since(&self, last: &Self) -> Fields {
        debug_assert_eq!(
            self.symbol, last.symbol,
            "states of two symbols have nothing to do with each other"
        );
        let State { trade, bid, ask, day, time_us, venue } = &self.state;
        let was = &last.state;
        let mut changed = Fields::NONE;
        let mut compare = |field, differs| changed = changed.with_if(field, differs);
        compare(Field::Price, trade.map(|it| it.price) != was.trade.map(|it| it.price));
        compare(Field::Size, trade.and_then(|it| it.size) != was.trade.and_then(|it| it.size));
        compare(Field::Bid, bid.map(|it| it.price) != was.bid.map(|it| it.price));
        compare(Field::BidSize, bid.and_then(|it| it.size) != was.bid.and_then(|it| it.size));
        compare(Field::Ask, ask.map(|it| it.price) != was.ask.map(|it| it.price));
        compare(Field::AskSize, ask.and_then(|it| it.size) != was.ask.and_then(|it| it.size));
        compare(Field::Open, day.map(|it| it.open) != was.day.map(|it| it.open));
        compare(Field::High, day.map(|it| it.high) != was.day.map(|it| it.high));
        compare(Field::Low, day.map(|it| it.low) != was.day.map(|it| it.low));
        compare(Field::Volume, day.map(|it| it.volume) != was.day.map(|it| it.volume));
        compare(Field::Trades, day.map(|it| it.trades) != was.day.map(|it| it.trades));
        compare(Field::TimeUs, *time_us != was.time_us);
        compare(Field::Venue, *venue != was.venue);
        changed
    }
}
