//! What is configured about sessions; contract §5.5 has the defaults and their sources.

use std::time::Duration;

use super::{FrameRate, machine::BEAT_SHARE};
use crate::{conflation::MaxRate, stomp::HeartBeat};

/// How often deadlines are looked at where nothing asks for more. They are seconds; half a second
/// more doesn't matter.
const DEADLINE_INTERVAL_MAX: Duration = Duration::from_millis(500);

/// How often they are looked at at the most: a hundred times a second.
const DEADLINE_INTERVAL_MIN: Duration = Duration::from_millis(10);

/// Limits and time-outs of a session.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From the upgrade to CONNECT.
    pub connect_deadline: Duration,
    /// Nothing could be written for so long: the client is closed as slow.
    pub send_deadline: Duration,
    /// How much a client may ask for.
    pub frame_rate: FrameRate,
    /// What the server offers in `heart-beat`.
    pub heart_beat: HeartBeat,
    /// Between the server's own PINGs.
    pub ping_interval: Duration,
    /// The least silence after which a client is given up. Browsers slow the timers of background
    /// pages to one a minute, so that three missed beats may be no more than a hidden tab.
    pub silence_floor: Duration,
    /// How long the peer has to answer a close, or to close itself after DISCONNECT, once the last word
    /// is written. For that there is as long as for everything else.
    pub close_deadline: Duration,
    /// Bytes of a frame before CONNECT.
    pub frame_bytes_before_connect: usize,
    /// Bytes of a frame after CONNECT.
    pub frame_bytes: usize,
    /// Subscriptions a session, wildcards included.
    pub subscriptions_max: usize,
    /// Subscriptions to wildcards a session, snapshots of wildcards among them until they are sent: each may have a slot
    /// for every symbol.
    pub wildcards_max: usize,
    /// The highest rate of a subscription in mode `latest`.
    pub max_rate: MaxRate,
    /// Ticks that a session may hold back in mode `every`; none: there is no such mode. A place takes 16 bytes, and
    /// keeps some 700 bytes of a state alive, which all sessions have in common: with the default 64 KiB and, if nobody
    /// else held back the same ticks, 2.9 MB.
    pub every_ticks_max: usize,
}

impl Settings {
    /// How often a session's deadlines have to be looked at. Short heart-beats ask for more than the
    /// usual: one is due after four fifths of its interval, and the client "MUST" have it by the
    /// end (specification, "Heart-beating"); some wait no longer than half an interval more.
    pub fn deadline_interval(&self) -> Duration {
        let beat = self.heart_beat.can_send;
        if beat.is_zero() {
            return DEADLINE_INTERVAL_MAX;
        }
        beat.mul_f64(1.0 - BEAT_SHARE).clamp(DEADLINE_INTERVAL_MIN, DEADLINE_INTERVAL_MAX)
    }
}

impl Default for Settings {
    fn default() -> Self {
        let beat = Duration::from_secs(10);
        Self {
            connect_deadline: Duration::from_secs(10),
            send_deadline: Duration::from_secs(10),
            frame_rate: FrameRate { frames_per_s: 50.0, burst: 200.0 },
            heart_beat: HeartBeat { can_send: beat, wants: beat },
            ping_interval: Duration::from_secs(25),
            silence_floor: Duration::from_secs(90),
            close_deadline: Duration::from_secs(2),
            frame_bytes_before_connect: 16 * 1024,
            frame_bytes: 64 * 1024,
            subscriptions_max: 1024,
            wildcards_max: 8,
            max_rate: MaxRate::Unlimited,
            every_ticks_max: 4096,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_that_is_found_due_at_the_last_look_is_in_time() {
        let settings = |can_send| Settings {
            heart_beat: HeartBeat { can_send, wants: can_send },
            ..Settings::default()
        };
        for ms in [50, 100, 500, 1_000, 2_500, 10_000, 60_000] {
            let beat = Duration::from_millis(ms);
            let latest = beat.mul_f64(BEAT_SHARE) + settings(beat).deadline_interval();
            assert!(latest <= beat + Duration::from_micros(1), "{ms} ms: found after {latest:?}");
        }
        assert_eq!(settings(Duration::ZERO).deadline_interval(), DEADLINE_INTERVAL_MAX);
    }
}
