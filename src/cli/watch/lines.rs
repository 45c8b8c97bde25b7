//! What is told where there is no screen: one line for each message, for a person or for a program.

use jiff::Timestamp;

use super::{
    message::{Kind, Message},
    text,
};

/// A line for a person: when it happened, in UTC, and what there is.
pub(super) fn plain(message: &Message) -> String {
    let Message { kind, conflated, quote, .. } = message;
    let time = quote.time_us.and_then(|time_us| Timestamp::from_microsecond(time_us).ok());
    let time = time.map_or_else(|| "-".to_owned(), |time| time.strftime("%H:%M:%S%.3f").to_string());
    let mut line = format!("{time} {}", quote.symbol);
    if *kind == Kind::Delisted {
        line.push_str(" delisted");
        return line;
    }
    if let Some(price) = quote.price {
        line.push_str(&format!(" {price}"));
    }
    if let Some(percent) = quote.change_percent() {
        line.push_str(&format!(" {}", text::percent(percent)));
    }
    let sides = [("bid", quote.bid, quote.bid_size), ("ask", quote.ask, quote.ask_size)];
    for (name, price, size) in sides {
        if let Some(price) = price {
            let size = size.map_or_else(String::new, |size| format!("×{size}"));
            line.push_str(&format!(" {name} {price}{size}"));
        }
    }
    if let (Some(volume), Some(trades)) = (quote.volume, quote.trades) {
        line.push_str(&format!(" volume {volume} trades {trades}"));
    }
    if *conflated > 0 {
        line.push_str(&format!(" folded {conflated}"));
    }
    line
}

/// A line for a program: the body as it stands, after what the headers tell.
pub(super) fn json(message: &Message, body: &[u8]) -> String {
    let Message { kind, seq, conflated, .. } = message;
    let body = String::from_utf8_lossy(body);
    let fields = body.trim_ascii_start().trim_start_matches('{');
    format!("{{\"type\":\"{}\",\"seq\":{seq},\"conflated\":{conflated},{fields}", kind.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::watch::table::tests::message;

    const BODY: &str = r#"{"symbol":"A","price":101.5,"bid":101.49,"bid_size":300,"ask":101.51,"open":100,"volume":5,"trades":2,"time_us":1732187000123456}"#;

    #[test]
    fn a_line_has_what_there_is() {
        for (kind, conflated, body, expected) in [
            (
                Kind::Update,
                3,
                BODY,
                "11:03:20.123 A 101.5 +1.50% bid 101.49×300 ask 101.51 volume 5 trades 2 folded 3",
            ),
            (Kind::Snapshot, 0, r#"{"symbol":"A"}"#, "- A"),
            (Kind::Delisted, 0, r#"{"symbol":"A","time_us":0}"#, "00:00:00.000 A delisted"),
        ] {
            assert_eq!(plain(&message(kind, conflated, body)), expected);
        }
    }

    #[test]
    fn a_json_line_is_the_body_with_what_the_headers_tell() {
        let line = json(&message(Kind::Update, 3, BODY), BODY.as_bytes());
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&value["type"], &value["conflated"]), (&"update".into(), &3.into()));
        assert_eq!((&value["symbol"], &value["price"]), (&"A".into(), &101.5.into()));
    }
}
