//! The trading day that the wall clock is in, and the walk over the symbols when it begins.

use crate::market::DayBoundary;

/// Symbols looked at in one go: at half a microsecond each, a day that begins keeps ticks waiting no longer than half
/// a millisecond, and gives no more publications than a batch of records does.
const SYMBOLS_A_GO: usize = 1024;

/// Where the walk stands.
#[derive(Debug)]
pub(super) struct Rollover {
    /// The day that has begun; far back until the clock was looked at first.
    today: i64,
    /// When it ends, in microseconds since the Unix epoch.
    ends_us: i64,
    /// The first symbol that wasn't looked at yet.
    next: usize,
}

impl Rollover {
    pub(super) const fn new() -> Self {
        Self { today: i64::MIN, ends_us: i64::MIN, next: 0 }
    }

    /// The day that has begun.
    pub(super) const fn today(&self) -> i64 {
        self.today
    }

    /// Whether some of so many symbols are still to be looked at.
    pub(super) const fn is_underway(&self, symbols: usize) -> bool {
        self.next < symbols
    }

    /// The symbols to look at now, of so many; none while the day goes on.
    pub(super) fn due(
        &mut self,
        now_us: i64,
        boundary: DayBoundary,
        symbols: usize,
    ) -> std::ops::Range<usize> {
        if now_us >= self.ends_us {
            self.today = boundary.day_number(now_us);
            self.ends_us = boundary.begin_us(self.today + 1);
            self.next = 0;
        }
        // A symbol that comes after the walk begins its first day where the clock is.
        let begin = self.next.min(symbols);
        self.next = symbols.min(begin + SYMBOLS_A_GO);
        begin..self.next
    }
}
