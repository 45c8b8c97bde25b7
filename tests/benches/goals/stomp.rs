//! As much STOMP as servers need that ours is compared with.

use std::fmt::Write as _;

/// The answer to CONNECT.
pub(crate) fn connected() -> String {
    "CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\0".to_owned()
}

/// A header's value.
pub(crate) fn header<'a>(frame: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = frame.lines().skip(1).take_while(|line| !line.is_empty());
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

/// The headers and the body of a MESSAGE that all its subscribers get, as our server writes them for a quote.
pub(crate) fn message_tail(symbol: &str, seq: u64, time_us: i64) -> String {
    let body = quote(symbol, seq, time_us);
    let mut tail = String::with_capacity(400);
    write!(
        tail,
        "message-id:0-{seq}\ndestination:/topic/price.stock.{symbol}\ncontent-type:application/json\n\
         content-length:{}\nseq:{seq}\nepoch:00000000\n\n{body}\0",
        body.len()
    )
    .expect("a string takes all");
    tail
}

/// A quote, as a record of the feed and as the body of its MESSAGE: prices go up and down with `turn`.
pub(crate) fn quote(symbol: &str, turn: u64, time_us: i64) -> String {
    let cents = 10_000 + turn * 7 % 80_000;
    let (bid, ask) = (cents, cents + 2);
    format!(
        r#"{{"symbol":"{symbol}","bid":{}.{:02},"bid_size":{},"ask":{}.{:02},"ask_size":{},"time_us":{time_us}}}"#,
        bid / 100,
        bid % 100,
        100 + turn % 900,
        ask / 100,
        ask % 100,
        100 + turn * 3 % 900,
    )
}

/// The same with a trade and a venue, as a record of the feed.
pub(crate) fn trade_and_quote(symbol: &str, turn: u64, time_us: i64) -> String {
    let quote = quote(symbol, turn, time_us);
    let cents = 10_000 + turn * 7 % 80_000;
    let trade = format!(
        r#","price":{}.{:02},"size":{},"venue":"XNAS"}}"#,
        cents / 100,
        cents % 100,
        100 + turn % 900
    );
    quote.trim_end_matches('}').to_owned() + &trade
}
