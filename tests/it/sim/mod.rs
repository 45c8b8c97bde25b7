//! A simulated world: a shard with a thousand sessions on invented time, whose clients read fast, slowly or not at all,
//! subscribe, subscribe anew, leave and vanish, while the market bursts and falls silent. A reference that knows neither
//! outbox nor slot nor timer tells of every message whether it had to come, then and so; and of every silence whether
//! something was owed. What it asserts are the promises of contract §5.4.
//!
//! Everything follows from a seed. A scenario that fails is shrunk and printed, with the seed, as lines of JSON:
//!
//! - `TICKCAST_SIM_REPLAY=FILE cargo test --test it sim::` runs the scenario in a file;
//! - `TICKCAST_SIM_SECONDS=3600 cargo test --release --test it sim::` draws scenarios for so long, from a seed that it
//!   tells; `TICKCAST_SIM_SEED=N` begins with that seed;
//! - `TICKCAST_SIM_SHRINK=no` doesn't shrink.
//!
//! Scenarios that found a fault once are kept in `regressions/`.

mod bodies;
mod clients;
mod generate;
mod known;
mod link;
mod market;
mod notices;
mod passing;
mod peer;
mod promise;
mod rate;
mod scenario;
mod shrink;
mod stomp;
mod subscription;
mod talk;
mod turns;
mod world;

use std::{
    env, fs,
    path::Path,
    time::{Duration, Instant},
};

use self::{generate::Extent, scenario::Scenario, world::Tally};

/// What every price destination begins with; contract §5.1.
const PRICES: &str = "/topic/price.stock.";

/// What every destination of a snapshot begins with.
const SNAPSHOTS: &str = "/app/snapshot.";

/// A few sessions on a few symbols: whatever can happen between them happens soon.
const SMALL: Extent = Extent { sessions: 4, symbols: 6, steps: 120, burst: 20 };

/// Many of both.
const LARGE: Extent = Extent { sessions: 60, symbols: 200, steps: 400, burst: 300 };

/// As many sessions as a promise has to hold for.
const THOUSAND: Extent = Extent { sessions: 1000, symbols: 60, steps: 250, burst: 40 };

/// Runs a scenario; if a promise is broken, tells the least scenario that breaks it.
#[track_caller]
fn check(name: &str, scenario: &Scenario) -> Tally {
    match world::run(scenario) {
        Ok(tally) => tally,
        Err((at, broken)) => {
            let steps = scenario.steps.len();
            if env::var_os("TICKCAST_SIM_SHRINK").is_some_and(|value| value == "no") {
                panic!("{name}, step {at} of {steps}: {broken}");
            }
            let (least, how) = shrink::shrink(scenario.clone(), (at, broken.clone()));
            panic!("{name}, step {at} of {steps}: {broken}\nshrunk to {how}\n{}", least.to_text());
        }
    }
}

#[track_caller]
fn check_seeds(extent: Extent, seeds: impl Iterator<Item = u64>) -> Tally {
    let mut sum = Tally::default();
    for seed in seeds {
        sum += check(&format!("{extent:?}, seed {seed}"), &generate::draw(seed, extent));
    }
    sum
}

#[test]
fn small_worlds_keep_every_promise() {
    let tally = check_seeds(SMALL, 0..300);
    assert!(tally.messages > 10_000 && tally.conflated > 10_000 && tally.aborted > 0, "{tally:?}");
}

#[test]
fn worlds_of_many_symbols_keep_every_promise() {
    let tally = check_seeds(LARGE, 0..2);
    assert!(tally.messages > 10_000 && tally.conflated > 1_000, "{tally:?}");
}

#[test]
fn a_thousand_sessions_keep_every_promise() {
    let tally = check_seeds(THOUSAND, 0..1);
    assert!(tally.messages > 20_000 && tally.conflated > 1_000, "{tally:?}");
}

#[test]
fn what_broke_a_promise_once_does_no_longer() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/sim/regressions");
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let scenario = Scenario::from_text(&text).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        check(&file.display().to_string(), &scenario);
    }
}

#[test]
fn a_scenario_is_written_down_and_read_back() {
    let scenario = generate::draw(7, SMALL);
    assert_eq!(Scenario::from_text(&scenario.to_text()), Ok(scenario));
}

#[test]
fn a_scenario_from_a_file_keeps_every_promise() {
    let Some(file) = env::var_os("TICKCAST_SIM_REPLAY") else { return };
    let text = fs::read_to_string(&file).unwrap();
    let scenario = Scenario::from_text(&text).unwrap();
    println!("{:?}", check("the file's scenario", &scenario));
}

/// One scenario after the other, of every extent.
#[test]
fn worlds_keep_every_promise_for_hours() {
    let Ok(seconds) = env::var("TICKCAST_SIM_SECONDS") else { return };
    let duration = Duration::from_secs(seconds.parse().unwrap());
    let first: u64 =
        env::var("TICKCAST_SIM_SEED").map_or_else(|_| seed_of_today(), |text| text.parse().unwrap());
    let begin = Instant::now();
    let mut sum = Tally::default();
    let mut seed = first;
    while begin.elapsed() < duration {
        let extent = match seed % 100 {
            0 => THOUSAND,
            1..10 => LARGE,
            _ => SMALL,
        };
        sum += check_seeds(extent, seed..seed + 1);
        seed += 1;
    }
    println!("{} scenarios from seed {first} on: {sum:?}", seed - first);
}

/// Another one each time.
fn seed_of_today() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_millis() as u64
}
