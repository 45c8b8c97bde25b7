//! The trading day that begins without a tick; contract §5.3.

use std::time::{SystemTime, UNIX_EPOCH};

use rdkafka::mocking::MockCluster;
use serde_json::Value;

use crate::support::{Client, Feed, Server, eventually};

const DAY_S: u64 = 24 * 60 * 60;

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A moment's time of day, as a flag takes it.
fn boundary_at(time_ms: i64) -> String {
    let time_of_day = time_ms as u64 / 1000 % DAY_S;
    format!("{:02}:{:02}:{:02}", time_of_day / 3600, time_of_day / 60 % 60, time_of_day % 60)
}

/// A trade that happened at `time_ms` and was recorded `later_ms` after that.
fn trade(feed: &Feed, symbol: &str, time_ms: i64, later_ms: i64) {
    let value = format!(r#"{{"symbol":"{symbol}","price":5,"size":2,"time_us":{}}}"#, time_ms * 1000);
    feed.at(0, time_ms + later_ms, symbol, &value);
}

#[test]
fn the_day_begins_at_its_boundary_without_a_tick() {
    // In two seconds or three. Should the server take longer to start, the trade is a late one, which ends alike.
    let boundary_ms = (now_ms() / 1000 + 3) * 1000;
    let server = Server::ready(&["--day-boundary", &boundary_at(boundary_ms)]);
    let feed = Feed::to(&server);
    trade(&feed, "LIVE", boundary_ms - 1000, 0);
    trade(&feed, "REPLAYED", now_ms() - 365 * DAY_S as i64 * 1000, 365 * DAY_S as i64 * 1000);
    server.await_seq("REPLAYED", 1);
    let mut client = Client::connect(&server);
    client.subscribe("1", "LIVE");
    let frames = client.frames_until(|frame| frame.json()["open"].is_null());
    let state = eventually("a new day has no trades", || match server.snapshot("LIVE") {
        state if state["open"].is_null() && !state["price"].is_null() => Ok(state),
        state => Err(state.to_string()),
    });
    assert_eq!((&state["seq"], &state["price"]), (&Value::from(0), &Value::from(5)), "{state}");
    for field in ["high", "low", "volume", "trades"] {
        assert!(state[field].is_null(), "{field} of {state}");
    }
    assert_eq!(server.snapshot("REPLAYED")["open"], 5, "its days aren't the clock's");
    // The same record's state, which stands for all that was known.
    for frame in frames {
        assert_eq!((frame.expect("type"), frame.seq(), frame.conflated()), ("snapshot", 0, 0));
    }
    // The first trade of the new day.
    trade(&feed, "LIVE", now_ms(), 0);
    server.await_seq("LIVE", 2);
    assert_eq!(server.snapshot("LIVE")["trades"], 1);
    let update = client.frame();
    assert_eq!((update.expect("type"), update.seq(), update.conflated()), ("update", 2, 0));
}

#[test]
fn a_server_that_starts_after_the_boundary_is_in_the_new_day() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("ticks", 1, 1).unwrap();
    // The day is half over, whenever this runs.
    let boundary = boundary_at(now_ms() + DAY_S as i64 * 500);
    let flags = ["--kafka", &cluster.bootstrap_servers(), "--day-boundary", &boundary];
    let before = Server::ready(&flags);
    let feed = Feed::to(&before);
    let (today, yesterday) = (now_ms(), now_ms() - DAY_S as i64 * 1000);
    trade(&feed, "LIVE", yesterday, 10);
    trade(&feed, "TODAY", today, 10);
    trade(&feed, "REPLAYED", yesterday, DAY_S as i64 * 1000);
    before.await_seq("REPLAYED", 2);
    let after = Server::ready(&flags);
    for server in [&before, &after] {
        let opens = ["LIVE", "TODAY", "REPLAYED"].map(|symbol| server.snapshot(symbol)["open"].clone());
        assert_eq!(opens, [Value::Null, Value::from(5), Value::from(5)]);
    }
}
