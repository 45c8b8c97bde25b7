//! Whatever clients, time and the market do, sessions keep what they promise; the checks are in
//! `listener.rs` (what a client hears) and `world.rs` (what a session holds, when it ends).
//!
//! A script is a list of steps, separated by 0xff, which is in no text. A step is a letter, the
//! number of a client if it's one client's, and what comes with it: `o` opens; `d0CONNECT…` is data,
//! `p0…` a PING, `q0` a PONG, `c0` or `c04999` a close, `e0` the end of what the client sends, `f0`
//! a broken frame; `b0` blocks the client's socket and `u0` unblocks it; `x0` drops the connection;
//! `t1000` passes a second; `kSYM` is a tick of a symbol, `kSYM 3` three of them, `lSYM` delists it;
//! `m` changes the feed's status; `s` shuts down.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tickcast_fuzz::world::{Sent, Step, World};

/// A script isn't to take long: each step takes some microseconds.
const STEPS_MAX: usize = 500;

fuzz_target!(|script: &[u8]| {
    let mut world = World::default();
    for step in script.split(|byte| *byte == 0xff).take(STEPS_MAX).filter_map(parse) {
        world.step(&step);
    }
    world.finish();
});

fn parse(step: &[u8]) -> Option<Step<'_>> {
    let (letter, rest) = step.split_first()?;
    match letter {
        b'o' => return Some(Step::Open),
        b's' => return Some(Step::Shutdown),
        b'm' => return Some(Step::Feed),
        b't' => return number(rest).map(|time| Step::Pass(time.min(100_000))),
        b'k' => {
            let (symbol, ticks) =
                str::from_utf8(rest).ok()?.split_once(' ').unwrap_or((str::from_utf8(rest).ok()?, "1"));
            return Some(Step::Publish(symbol, ticks.parse::<u16>().ok()?.into()));
        }
        b'l' => return str::from_utf8(rest).ok().map(Step::Delist),
        _ => {}
    }
    let (client, rest) = rest.split_first()?;
    let client = usize::from(client.checked_sub(b'0')?);
    let sent = match letter {
        b'd' => Sent::Data(rest),
        b'p' => Sent::Ping(rest),
        b'q' => Sent::Pong,
        // The reader lets through no others.
        b'c' => Sent::Close(
            number(rest)
                .and_then(|code| u16::try_from(code).ok())
                .filter(|code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)),
        ),
        b'e' => Sent::End,
        b'f' => Sent::Fault,
        b'b' => return Some(Step::Stall(client)),
        b'u' => return Some(Step::Drain(client)),
        b'x' => return Some(Step::Forget(client)),
        _ => return None,
    };
    Some(Step::Send(client, sent))
}

fn number(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.parse().ok()
}
