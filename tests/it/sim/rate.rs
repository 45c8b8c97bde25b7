//! `max-rate`, as contract §5.2 has it: what is in force, and how far apart two messages are then.

/// How often a symbol's state may be sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rate {
    /// As the RECEIPT tells it.
    pub(super) text: String,
    /// The least distance of two messages in microseconds; none: there is none.
    pub(super) interval_us: Option<u64>,
}

/// Messages of one symbol, none of which came later than its rate makes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    begin_us: u64,
    last_us: u64,
    /// How many came after the first.
    more: u64,
}

/// How late a symbol may be whose rate makes it wait: the wheel that tells turns by the millisecond.
const WHEEL_US: u64 = 1000;

/// Beyond it no rate can be asked for, save none.
const MOST: f64 = 1000.0;

impl Rate {
    /// What is in force for what was asked, below the server's ceiling.
    pub(super) fn in_force(wanted: Option<&str>, ceiling: Option<&str>) -> Self {
        let rates = [wanted, ceiling].into_iter().flatten().filter(|text| *text != "unlimited");
        let rates =
            rates.map(|text| (text, text.parse::<f64>().expect("scenarios have rates that are numbers")));
        let least = rates.min_by(|(_, one), (_, other)| one.total_cmp(other));
        let Some((text, rate)) = least else {
            return Self { text: "unlimited".to_owned(), interval_us: None };
        };
        let (text, rate) = if rate > MOST { ("1000", MOST) } else { (text, rate) };
        Self { text: text.to_owned(), interval_us: Some((1e6 / rate).floor() as u64) }
    }

    /// When the next message may come, and from when on nothing keeps it; none without a rate.
    ///
    /// What rests together ends its rest together, a step later at most. A message that was a little
    /// late may be followed in time, but that doesn't add up: `n` messages take `n` intervals.
    pub(super) fn next_us(&self, run: &Run) -> Option<(u64, u64)> {
        let interval = self.interval_us?;
        let (step, late) = (step_us(interval), late_us(interval));
        let earliest = (run.last_us + interval).max(run.begin_us + (run.more + 1) * interval);
        Some((earliest - late, run.last_us + interval + step + WHEEL_US))
    }

    /// How long after it may come a message surely may.
    pub(super) fn longest_rest_us(&self) -> Option<u64> {
        let interval = self.interval_us?;
        Some(step_us(interval) + late_us(interval) + WHEEL_US)
    }

    /// A message goes out, after these.
    pub(super) fn run(&self, before: Option<Run>, now_us: u64) -> Run {
        let goes_on = before.filter(|run| self.next_us(run).is_some_and(|(_, latest)| now_us <= latest));
        match goes_on {
            Some(run) => Run { last_us: now_us, more: run.more + 1, ..run },
            None => Run { begin_us: now_us, last_us: now_us, more: 0 },
        }
    }
}

/// How far apart the ends of rests are.
fn step_us(interval_us: u64) -> u64 {
    // A rate's interval is given in whole microseconds here.
    interval_us / (interval_us / 10_000).clamp(1, 8).max(interval_us.div_ceil(100_000)) + 1
}

/// How late a message may be without keeping the next one.
fn late_us(interval_us: u64) -> u64 {
    (step_us(interval_us) / 2).min(5_000)
}
