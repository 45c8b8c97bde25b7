//! How fast a session's socket lets prices through, and when its client is told of that.
//!
//! Everything that is owed at one moment has been served when as many slots as stand in the line then have been taken
//! out of it. The time from there until the socket has taken them, a round, is what a symbol waits at most between two
//! updates, however often it changes: one over it is the rate that the socket allows. It costs two numbers a session.

use std::time::{Duration, Instant};

/// A round that takes so long is felt: prices come once a second at most.
const SLOW_ROUND: Duration = Duration::from_secs(1);

/// For so long rounds have to be quick, or everything has to be said, before it's over: a connection on the brink
/// would tell of nothing but its own ups and downs.
pub(super) const RECOVERY: Duration = Duration::from_secs(1);

/// What is told on `/user/queue/session`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum FlowStatus {
    /// The socket takes what there is.
    #[default]
    Live,
    /// It takes each symbol's state so often a second.
    Conflated { rate: f64 },
    /// It takes what there is again.
    Recovered,
    /// The server is about to stop.
    Draining,
}

/// What has been measured and said.
#[derive(Debug, Default)]
pub(super) struct Flow {
    round: Option<Round>,
    status: FlowStatus,
    /// How often the status has changed.
    changes: u32,
}

#[derive(Debug)]
struct Round {
    begin: Instant,
    /// How many slots will have been served when it's complete.
    until: u64,
}

/// What a look at the line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pulse {
    /// Nothing new.
    Steady,
    /// What there is gets through quickly.
    Quick,
    /// It doesn't.
    Slow,
    /// It doesn't, and the client is to be told.
    Changed,
}

impl Flow {
    /// The socket has taken everything that was handed over. `served` slots have been taken out of the line so far, and
    /// `in_line` stand in it. `interval` is what the client itself asked for at least between two updates.
    pub(super) fn note_room(
        &mut self,
        now: Instant,
        (served, in_line): (u64, u32),
        interval: impl FnOnce() -> Duration,
    ) -> Pulse {
        let complete = self.round.take_if(|round| in_line == 0 || served >= round.until);
        if self.round.is_none() && in_line > 0 {
            self.round = Some(Round { begin: now, until: served + u64::from(in_line) });
        }
        let Some(round) = complete else { return Pulse::Steady };
        let took = now.duration_since(round.begin);
        if took < SLOW_ROUND / 2 {
            return if self.is_conflated() { Pulse::Quick } else { Pulse::Steady };
        }
        if took < SLOW_ROUND.max(interval()) {
            return Pulse::Steady;
        }
        let rate = 1.0 / took.as_secs_f64();
        match self.status {
            FlowStatus::Draining => Pulse::Steady,
            // Not every little change is worth a word.
            FlowStatus::Conflated { rate: told } if (told / 2.0..told * 2.0).contains(&rate) => Pulse::Slow,
            _ => {
                self.change(FlowStatus::Conflated { rate });
                Pulse::Changed
            }
        }
    }

    /// Nothing is owed, and the socket has taken everything. Whether a slow socket may have recovered.
    pub(super) fn note_rest(&mut self) -> bool {
        self.round = None;
        self.is_conflated()
    }

    /// The time for a recovery is over. Whether the client is to be told.
    pub(super) fn recover(&mut self, now: Instant) -> bool {
        let is_slow =
            self.round.as_ref().is_some_and(|round| now.duration_since(round.begin) >= SLOW_ROUND / 2);
        let recovers = self.is_conflated() && !is_slow;
        if recovers {
            self.change(FlowStatus::Recovered);
        }
        recovers
    }

    /// The server is about to stop.
    pub(super) fn drain(&mut self) {
        self.change(FlowStatus::Draining);
    }

    const fn is_conflated(&self) -> bool {
        matches!(self.status, FlowStatus::Conflated { .. })
    }

    fn change(&mut self, status: FlowStatus) {
        self.status = status;
        self.changes += 1;
    }

    /// The notice's number, and its JSON.
    pub(super) fn notice(&self) -> (u64, String) {
        let json = match self.status {
            FlowStatus::Live => r#"{"status":"live"}"#.to_owned(),
            FlowStatus::Conflated { rate } => {
                format!(r#"{{"status":"conflated","effective_rate":{:.2}}}"#, rate.max(0.01))
            }
            FlowStatus::Recovered => r#"{"status":"recovered"}"#.to_owned(),
            FlowStatus::Draining => r#"{"status":"draining"}"#.to_owned(),
        };
        (u64::from(self.changes), json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(flow: &mut Flow, now: Instant, served: u64, in_line: u32) -> Pulse {
        flow.note_room(now, (served, in_line), || Duration::ZERO)
    }

    #[test]
    fn a_round_is_what_was_owed_at_its_begin() {
        let (mut flow, begin) = (Flow::default(), Instant::now());
        let at = |ms| begin + Duration::from_millis(ms);
        assert_eq!(pulse(&mut flow, at(0), 10, 4), Pulse::Steady);
        // Others have become dirty meanwhile; they don't count.
        assert_eq!(pulse(&mut flow, at(900), 13, 4), Pulse::Steady);
        assert_eq!(pulse(&mut flow, at(2_000), 14, 4), Pulse::Changed);
        assert_eq!(flow.notice(), (1, r#"{"status":"conflated","effective_rate":0.50}"#.to_owned()));
        assert_eq!(pulse(&mut flow, at(5_000), 18, 4), Pulse::Slow, "about the same");
        assert_eq!(pulse(&mut flow, at(15_000), 30, 1), Pulse::Changed);
        assert_eq!(pulse(&mut flow, at(15_100), 31, 0), Pulse::Quick);
        assert!(flow.recover(at(16_100)));
        assert_eq!(flow.notice(), (3, r#"{"status":"recovered"}"#.to_owned()));
        assert!(!flow.recover(at(17_100)));
    }

    #[test]
    fn nobody_is_told_of_less_than_was_asked_for() {
        let (mut flow, begin) = (Flow::default(), Instant::now());
        let interval = || Duration::from_secs(10);
        flow.note_room(begin, (0, 1), interval);
        assert_eq!(flow.note_room(begin + Duration::from_secs(9), (1, 0), interval), Pulse::Steady);
    }

    #[test]
    fn nothing_is_measured_while_nothing_is_owed() {
        let (mut flow, begin) = (Flow::default(), Instant::now());
        pulse(&mut flow, begin, 0, 1);
        assert!(!flow.note_rest(), "the slot had no news");
        assert_eq!(pulse(&mut flow, begin + Duration::from_secs(60), 1, 1), Pulse::Steady);
    }

    #[test]
    fn a_round_that_is_slow_already_is_no_recovery() {
        let (mut flow, begin) = (Flow::default(), Instant::now());
        pulse(&mut flow, begin, 0, 1);
        pulse(&mut flow, begin + Duration::from_secs(2), 1, 1);
        assert!(!flow.recover(begin + Duration::from_secs(3)));
    }
}
