//! What is configured about sessions; contract §5.5 has the defaults and their sources.

use std::time::Duration;

use super::FrameRate;
use crate::stomp::HeartBeat;

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
    /// How long the peer has to answer a close, or to close itself after DISCONNECT.
    pub close_deadline: Duration,
    /// Bytes of a frame before CONNECT.
    pub frame_bytes_before_connect: usize,
    /// Bytes of a frame after CONNECT.
    pub frame_bytes: usize,
    /// Subscriptions a session, wildcards included.
    pub subscriptions_max: usize,
    /// Subscriptions to wildcards a session.
    pub wildcards_max: usize,
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
        }
    }
}
