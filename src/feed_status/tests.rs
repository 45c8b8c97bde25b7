//! The status over invented time.

use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000;

/// Somewhere in a Wednesday.
const BEGIN: i64 = 20_000 * 24 * 3600 * SECOND;

const FLOOR_S: i64 = 10;
const LAG_LIMIT: u64 = 1000;

fn new() -> FeedStatus {
    let stale_floor = Duration::from_secs(FLOOR_S as u64);
    FeedStatus::new(Settings { stale_factor: 10.0, stale_floor, lag_records: LAG_LIMIT }, BEGIN)
}

/// Lets the clock go on in steps of a tenth of a second, with a tick at each of these seconds and so much left to
/// read. What became of the status, and in which second.
fn run(
    feed: &mut FeedStatus,
    seconds: i64,
    ticks: impl Fn(i64) -> bool,
    lag: impl Fn(i64) -> u64,
) -> Vec<String> {
    let begin = feed.looked_us;
    let mut changes = Vec::new();
    for tenth in 1..=seconds * 10 {
        let now_us = begin + tenth * SECOND / 10;
        let second = tenth / 10;
        if tenth % 10 == 0 && ticks(second) {
            feed.note_tick(now_us);
        }
        if let Some(report) = feed.update(now_us, Some(lag(second))) {
            assert_eq!((report.since_us, &report), (now_us, &feed.report()));
            changes.push(format!("{:?} {second}", report.status));
        }
    }
    changes
}

const fn no_lag(_: i64) -> u64 {
    0
}

#[test]
fn a_feed_without_any_tick_is_live() {
    let mut feed = new();
    assert!(run(&mut feed, 100_000, |_| false, no_lag).is_empty());
    let json = format!(r#"{{"status":"live","since_us":{BEGIN},"lag_records":0}}"#);
    assert_eq!(&*feed.report().json(), json);
}

#[test]
fn silence_makes_a_feed_stale_and_a_tick_ends_it() {
    let mut feed = new();
    let mut changes = run(&mut feed, 100, |second| second <= 60 || second == 90, no_lag);
    assert_eq!(changes, ["Stale 70", "Recovered 90"]);
    assert_eq!(feed.report().status, Status::Recovered);
    changes = run(&mut feed, 30, |_| false, no_lag);
    assert_eq!(changes.len(), 1, "{changes:?}");
    let Report { status, since_us, last_tick_us, .. } = feed.report();
    assert_eq!((status, last_tick_us), (Status::Stale, Some(BEGIN + 90 * SECOND)));
    assert!(since_us - BEGIN > 100 * SECOND);
}

#[test]
fn one_tick_is_enough_for_the_floor_to_hold() {
    let mut feed = new();
    assert_eq!(run(&mut feed, 30, |second| second == 1, no_lag), ["Stale 11"]);
    assert_eq!(feed.report().usual_interval_ms, None);
}

#[test]
fn a_slow_feed_is_given_many_times_its_interval() {
    let mut feed = new();
    // Nobody knows at first that it's slow.
    let learning = run(&mut feed, 1800, |second| second % 60 == 0, no_lag);
    assert!(learning.len() <= 8, "{learning:?}");
    assert!(run(&mut feed, 36_000, |second| second % 60 == 0, no_lag).is_empty());
    let usual_interval_ms = feed.report().usual_interval_ms.unwrap();
    assert!((58_000..=60_000).contains(&usual_interval_ms), "{usual_interval_ms}");
    assert!(run(&mut feed, 580, |_| false, no_lag).is_empty());
    assert_eq!(run(&mut feed, 700, |_| false, no_lag).len(), 1);
}

#[test]
fn a_feed_of_bursts_is_known_by_its_silences() {
    let mut feed = new();
    let mut changes = Vec::new();
    for burst in 0..600 {
        let begin = BEGIN + burst * 60 * SECOND;
        for millisecond in 0..2000 {
            feed.note_tick(begin + millisecond * 1000);
        }
        for second in 2..60 {
            changes
                .extend(feed.update(begin + second * SECOND, Some(0)).map(|report| (burst, report.status)));
        }
    }
    assert!(changes.iter().all(|(burst, _)| *burst < 8), "{changes:?}");
}

#[test]
fn a_night_without_a_broker_is_not_taken_for_usual() {
    let mut feed = new();
    run(&mut feed, 600, |_| true, no_lag);
    assert_eq!(run(&mut feed, 28_800, |second| second == 28_800, no_lag), ["Stale 10", "Recovered 28800"]);
    assert!(feed.report().usual_interval_ms.unwrap() < 3000);
    run(&mut feed, 60, |_| true, no_lag);
    assert_eq!(run(&mut feed, 20, |_| false, no_lag), ["Stale 10"]);
}

#[test]
fn a_clock_that_is_put_back_hides_no_silence_and_ends_none() {
    const HOUR: i64 = 3600 * SECOND;
    let mut feed = new();
    run(&mut feed, 600, |_| true, no_lag);
    // The ticks go on, and end a minute later.
    let mut now_us = feed.last_tick_us.unwrap() - HOUR;
    for _ in 0..60 {
        now_us += SECOND;
        assert_eq!(feed.update(now_us, Some(0)), None);
        feed.note_tick(now_us);
    }
    assert_eq!(feed.last_tick_us, Some(now_us));
    now_us += (FLOOR_S + 1) * SECOND;
    assert_eq!(feed.update(now_us, Some(0)).map(|report| report.status), Some(Status::Stale));
    for _ in 0..FLOOR_S {
        now_us -= HOUR;
        assert_eq!(feed.update(now_us, Some(0)), None, "no tick has come");
    }
    feed.note_tick(now_us);
    assert_eq!(feed.update(now_us, Some(0)).map(|report| report.status), Some(Status::Recovered));
}

#[test]
fn what_was_read_from_the_log_counts_as_when_it_was_recorded() {
    let mut feed = new();
    let mut started = new();
    for minute in 0..600 {
        let at_us = BEGIN + minute * 60 * SECOND;
        feed.note_tick(at_us);
        feed.update(at_us, Some(0));
        started.note_tick(at_us);
    }
    // Of another partition, which is read later.
    for minute in 0..600 {
        started.note_tick(BEGIN + minute * 60 * SECOND + 30 * SECOND - SECOND * 60);
    }
    assert_eq!(started.report().usual_interval_ms, feed.report().usual_interval_ms);
    let night_us = BEGIN + 1200 * 60 * SECOND;
    assert_eq!(started.update(night_us, Some(0)).map(|report| report.status), Some(Status::Stale));
}

#[test]
fn lag_is_told_when_it_stays_and_is_over_at_half_the_limit() {
    let mut feed = new();
    let lag = |second| match second {
        10..13 | 20..30 => LAG_LIMIT + 1,
        // Below the limit, and still not over.
        30..60 => LAG_LIMIT / 2 + 1,
        _ => LAG_LIMIT / 2,
    };
    assert_eq!(run(&mut feed, 100, |_| true, lag), ["Lagging 25", "Recovered 65"]);
}

#[test]
fn what_is_stale_is_not_called_lagging_until_ticks_come() {
    let mut feed = new();
    let lag = |second| if second >= 30 { LAG_LIMIT * 2 } else { 0 };
    let ticks = |second| second <= 10 || second >= 50;
    assert_eq!(run(&mut feed, 60, ticks, lag), ["Stale 20", "Lagging 50"]);
    assert_eq!(
        &*feed.report().json(),
        format!(
            r#"{{"status":"lagging","since_us":{},"last_tick_us":{},"usual_interval_ms":{},"lag_records":2000}}"#,
            BEGIN + 50 * SECOND,
            BEGIN + 60 * SECOND,
            feed.report().usual_interval_ms.unwrap()
        )
    );
}

#[test]
fn a_lag_that_is_not_told_changes_nothing() {
    let mut feed = new();
    for second in 0..100 {
        feed.note_tick(BEGIN + second * SECOND);
        assert_eq!(feed.update(BEGIN + second * SECOND, None), None);
    }
}

#[test]
fn a_server_that_drains_says_only_that() {
    assert_eq!(&*Report::draining(7).json(), r#"{"status":"draining","since_us":7}"#);
}

proptest! {
    /// Whatever comes, clients aren't told more often than they can use: stale at most once in the floor, lagging at
    /// most once in two holds, and each once over. Nor is stale told while ticks come, or live while nothing does.
    #[test]
    fn the_status_does_not_flap(
        steps in prop::collection::vec((prop_oneof![
            3 => 1..100_000i64,
            2 => SECOND / 10..2 * SECOND,
            1 => SECOND..90 * SECOND,
        ], any::<bool>(), prop_oneof![Just(None), (0..2 * LAG_LIMIT).prop_map(Some)]), 1..400),
    ) {
        let mut feed = new();
        let (mut now_us, mut last_tick_us) = (BEGIN, None);
        let (mut stale_us, mut lagging_us): (Vec<i64>, Vec<i64>) = Default::default();
        let mut before = Status::Live;
        for (step_us, is_tick, lag) in steps {
            now_us += step_us;
            if is_tick {
                feed.note_tick(now_us);
                last_tick_us = Some(now_us);
            }
            let told = feed.update(now_us, lag);
            let status = feed.report().status;
            prop_assert_eq!(told.is_some(), status != before, "each change is told, and nothing else");
            let silence_us = last_tick_us.map_or(0, |last_us| now_us - last_us);
            match status {
                Status::Stale => prop_assert!(silence_us > FLOOR_S * SECOND),
                Status::Live => prop_assert!(stale_us.is_empty() && lagging_us.is_empty()),
                Status::Recovered => prop_assert!(before != Status::Live),
                Status::Lagging => {}
                Status::Draining => prop_assert!(false, "the feed doesn't know"),
            }
            if told.is_some() && status == Status::Stale {
                stale_us.push(now_us);
            }
            if told.is_some() && status == Status::Lagging && before != Status::Stale {
                lagging_us.push(now_us);
            }
            before = status;
        }
        prop_assert!(stale_us.windows(2).all(|pair| pair[1] - pair[0] > FLOOR_S * SECOND), "{stale_us:?}");
        prop_assert!(lagging_us.windows(2).all(|pair| pair[1] - pair[0] >= 2 * LAG_HOLD_US), "{lagging_us:?}");
    }

    /// The usual interval of a feed with gaps by chance is between their mean and some times it, and no silence of it
    /// is taken for a failure.
    #[test]
    fn a_feed_by_chance_is_not_stale(gaps in prop::collection::vec(0.000_001..1.0f64, 2000), mean_ms in 1..60_000i64) {
        let mut feed = new();
        let (mut now_us, mut stale) = (BEGIN, 0);
        for (at, uniform) in gaps.into_iter().enumerate() {
            let gap_us = (-uniform.ln() * mean_ms as f64 * 1000.0) as i64 + 1;
            stale += usize::from(
                at > 200 && feed.update(now_us + gap_us - 1, Some(0)).is_some_and(|it| it.status == Status::Stale),
            );
            now_us += gap_us;
            feed.note_tick(now_us);
            feed.update(now_us, Some(0));
        }
        prop_assert_eq!(stale, 0);
        let usual_us = feed.usual_interval;
        let mean_us = mean_ms as f64 * 1000.0;
        prop_assert!((mean_us * 0.7..mean_us * 8.0).contains(&usual_us), "{usual_us} of {mean_us}");
    }
}
