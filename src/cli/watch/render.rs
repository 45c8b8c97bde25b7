//! The table as lines of a screen. It knows nothing of terminals: given a size it answers what stands in each line, and
//! which parts of it are good or bad news.

use super::{
    message::Quote,
    table::{Move, Row, Table},
    text,
};

/// How a piece of a line is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Heading,
    Up,
    Down,
    Faint,
}

/// One line: pieces that follow one another.
pub(super) type Line = Vec<(Tone, String)>;

/// What stands above the table.
#[derive(Clone, Debug, Default)]
pub(super) struct Status {
    /// Who tells.
    pub(super) server: String,
    /// How the connection is.
    pub(super) link: Link,
    /// What the feed was last said to be.
    pub(super) feed: Option<String>,
    pub(super) messages_per_s: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Link {
    #[default]
    Connecting,
    Open,
    /// Why, and in how many seconds it's tried again.
    Lost(String, u64),
}

/// Columns and lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: usize,
    pub(super) height: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Symbol,
    Last,
    Change,
    BidSize,
    Bid,
    Ask,
    AskSize,
    High,
    Low,
    Volume,
    Trades,
    Age,
    Conflated,
}

/// In the order of the screen, with the heading, the width that it has at least so that it doesn't jump, and when it
/// goes where there is no room: the highest number first.
const COLUMNS: [(Column, &str, usize, u8); 13] = [
    (Column::Symbol, "SYMBOL", 6, 0),
    (Column::Last, "LAST", 8, 0),
    (Column::Change, "DAY", 7, 1),
    (Column::BidSize, "SIZE", 5, 7),
    (Column::Bid, "BID", 8, 2),
    (Column::Ask, "ASK", 8, 3),
    (Column::AskSize, "SIZE", 5, 8),
    (Column::High, "HIGH", 8, 9),
    (Column::Low, "LOW", 8, 10),
    (Column::Volume, "VOLUME", 6, 5),
    (Column::Trades, "TRADES", 6, 11),
    (Column::Age, "AGE", 5, 4),
    (Column::Conflated, "FOLDED", 6, 12),
];

/// Between two columns.
const GAP: usize = 2;

/// Lines that aren't rows: the status and the headings, and below how many there are besides.
const OTHER_LINES: usize = 3;

/// How many rows fit.
pub(super) const fn rows_of(size: Size) -> usize {
    size.height.saturating_sub(OTHER_LINES)
}

/// The screen at `now_us`, with `first` as its first row.
pub(super) fn render(table: &Table, status: &Status, now_us: i64, size: Size, first: usize) -> Vec<Line> {
    let rows: Vec<_> = table.rows_from(first).take(rows_of(size)).collect();
    let columns = fitting(&rows, now_us, size.width);
    let mut lines = vec![status_line(status, table.len())];
    lines.push(
        columns
            .iter()
            .map(|(column, width)| (Tone::Heading, aligned(*column, heading(*column), *width)))
            .collect(),
    );
    lines.extend(rows.iter().map(|row| {
        columns
            .iter()
            .map(|(column, width)| {
                let (tone, text) = cell(*column, row, now_us);
                (tone, aligned(*column, &text, *width))
            })
            .collect()
    }));
    if table.len() > rows.len() && !rows.is_empty() {
        let (from, to) = (first + 1, first + rows.len());
        lines.push(vec![(
            Tone::Faint,
            format!("{from} to {to} of {}; arrows and pages move, q ends", table.len()),
        )]);
    }
    lines.truncate(size.height);
    lines.iter_mut().for_each(|line| cut(line, size.width));
    lines
}

fn status_line(status: &Status, symbols: usize) -> Line {
    let mut line = vec![(Tone::Plain, format!("{}  ", status.server))];
    line.push(match &status.link {
        Link::Connecting => (Tone::Faint, "connecting".to_owned()),
        Link::Open => (Tone::Up, "connected".to_owned()),
        Link::Lost(reason, seconds) => (Tone::Down, format!("{reason}; again in {seconds} s")),
    });
    if let Some(feed) = &status.feed {
        let tone = if matches!(feed.as_str(), "live" | "recovered") { Tone::Up } else { Tone::Down };
        line.extend([(Tone::Plain, "  feed ".to_owned()), (tone, feed.clone())]);
    }
    let (symbols, rate) = (text::grouped(symbols as u64), text::grouped(status.messages_per_s));
    let plural = if symbols == "1" { "" } else { "s" };
    line.push((Tone::Plain, format!("  {symbols} symbol{plural}  {rate} messages/s")));
    line
}

/// The columns that fit, each with its width.
fn fitting(rows: &[&Row], now_us: i64, width: usize) -> Vec<(Column, usize)> {
    let mut columns: Vec<_> = COLUMNS
        .iter()
        .map(|(column, heading, least, rank)| {
            let widest =
                rows.iter().map(|row| cell(*column, row, now_us).1.chars().count()).max().unwrap_or(0);
            (*column, widest.max(heading.len()).max(*least), *rank)
        })
        .collect();
    let total =
        |columns: &[(Column, usize, u8)]| columns.iter().map(|(_, width, _)| width + GAP).sum::<usize>();
    while total(&columns) > width + GAP {
        let Some((at, _)) = columns.iter().enumerate().filter(|(_, it)| it.2 > 0).max_by_key(|(_, it)| it.2)
        else {
            break;
        };
        columns.remove(at);
    }
    columns.into_iter().map(|(column, width, _)| (column, width)).collect()
}

fn heading(column: Column) -> &'static str {
    COLUMNS.iter().find(|(it, ..)| *it == column).map_or("", |(_, heading, ..)| heading)
}

/// Names stand left, numbers right.
fn aligned(column: Column, text: &str, width: usize) -> String {
    match column {
        Column::Symbol => format!("{text:<width$}"),
        _ => format!("{:GAP$}{text:>width$}", ""),
    }
}

fn cell(column: Column, row: &Row, now_us: i64) -> (Tone, String) {
    let Row { quote, last_move, conflated, is_delisted, decimals } = row;
    let price = |price: Option<f64>| price.map(|price| text::price(price, *decimals));
    let moved = match last_move {
        Move::None => Tone::Plain,
        Move::Up => Tone::Up,
        Move::Down => Tone::Down,
    };
    let Quote { bid, bid_size, ask, ask_size, high, low, volume, trades, .. } = quote;
    let (tone, text) = match column {
        Column::Symbol => (Tone::Plain, Some(quote.symbol.clone())),
        Column::Last if *is_delisted => (Tone::Faint, Some("delisted".to_owned())),
        Column::Last => (moved, price(quote.price)),
        Column::Change => change(quote),
        Column::BidSize => (Tone::Plain, bid_size.map(text::amount)),
        Column::Bid => (Tone::Plain, price(*bid)),
        Column::Ask => (Tone::Plain, price(*ask)),
        Column::AskSize => (Tone::Plain, ask_size.map(text::amount)),
        Column::High => (Tone::Plain, price(*high)),
        Column::Low => (Tone::Plain, price(*low)),
        Column::Volume => (Tone::Plain, volume.map(text::amount)),
        Column::Trades => (Tone::Plain, trades.map(text::grouped)),
        Column::Age => (Tone::Faint, quote.time_us.map(|time_us| text::age(now_us - time_us))),
        Column::Conflated => (Tone::Faint, Some(text::grouped(*conflated))),
    };
    (tone, text.unwrap_or_else(|| "–".to_owned()))
}

fn change(quote: &Quote) -> (Tone, Option<String>) {
    let percent = quote.change_percent();
    let tone = match percent {
        Some(percent) if percent > 0.0 => Tone::Up,
        Some(percent) if percent < 0.0 => Tone::Down,
        _ => Tone::Plain,
    };
    (tone, percent.map(text::percent))
}

/// Cuts a line off at the screen's edge.
fn cut(line: &mut Line, width: usize) {
    let mut left = width;
    for (_, text) in line.iter_mut() {
        let end = text.char_indices().nth(left).map_or(text.len(), |(at, _)| at);
        text.truncate(end);
        left -= text.chars().count();
    }
    line.retain(|(_, text)| !text.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::watch::{message::Kind, table::tests::message};

    const NOW_US: i64 = 1_732_187_000_000_000;

    fn table(symbols: usize) -> Table {
        let mut table = Table::default();
        for number in 0..symbols {
            let body = format!(
                r#"{{"symbol":"S{number}","price":101.5,"bid":101.49,"bid_size":300,"ask":101.51,"ask_size":200,
                    "open":100,"high":102,"low":99.5,"volume":1203400,"trades":8211,"time_us":{}}}"#,
                NOW_US - 12_000
            );
            table.take(message(Kind::Snapshot, 0, &body));
        }
        table
    }

    fn status() -> Status {
        let (server, feed) = ("127.0.0.1:8080".to_owned(), Some("live".to_owned()));
        Status { server, link: Link::Open, feed, messages_per_s: 1234 }
    }

    fn shown(table: &Table, status: &Status, width: usize, height: usize, first: usize) -> Vec<String> {
        let lines = render(table, status, NOW_US, Size { width, height }, first);
        lines.iter().map(|line| line.iter().map(|(_, text)| text.as_str()).collect::<String>()).collect()
    }

    #[test]
    fn a_wide_screen_shows_everything() {
        assert_eq!(
            shown(&table(1), &status(), 140, 10, 0),
            [
                "127.0.0.1:8080  connected  feed live  1 symbol  1,234 messages/s",
                "SYMBOL      LAST      DAY   SIZE       BID       ASK   SIZE      HIGH       LOW  VOLUME  TRADES    AGE  FOLDED",
                "S0        101.50   +1.50%    300    101.49    101.51    200    102.00     99.50    1.2M   8,211   12ms       0",
            ]
        );
    }

    #[test]
    fn what_has_no_room_goes_and_the_price_stays() {
        for (width, headings) in [
            (60, "SYMBOL      LAST      DAY       BID       ASK  VOLUME    AGE"),
            (59, "SYMBOL      LAST      DAY       BID       ASK    AGE"),
            (40, "SYMBOL      LAST      DAY       BID"),
            (10, "SYMBOL    "),
        ] {
            let lines = shown(&table(1), &status(), width, 10, 0);
            assert_eq!(lines[1], headings, "{width}");
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:?}");
        }
    }

    #[test]
    fn no_more_rows_than_fit_and_the_last_line_tells_of_the_rest() {
        let lines = shown(&table(10), &status(), 80, 7, 3);
        assert_eq!(lines.len(), 7);
        assert!(lines[2].starts_with("S3 ") && lines[5].starts_with("S6 "), "{lines:?}");
        assert_eq!(lines[6], "4 to 7 of 10; arrows and pages move, q ends");
        for height in 0..4 {
            assert!(shown(&table(10), &status(), 80, height, 0).len() <= height);
        }
    }

    #[test]
    fn prices_that_rise_and_fall_have_their_tones_and_unknown_ones_a_dash() {
        let mut table = Table::default();
        for price in ["10", "9"] {
            let body = format!(r#"{{"symbol":"A","price":{price},"open":10}}"#);
            table.take(message(Kind::Update, 0, &body));
        }
        let lines = render(&table, &status(), NOW_US, Size { width: 140, height: 10 }, 0);
        let tones: Vec<_> = lines[2].iter().map(|(tone, text)| (*tone, text.trim())).take(5).collect();
        assert_eq!(
            tones,
            [
                (Tone::Plain, "A"),
                (Tone::Down, "9.00"),
                (Tone::Down, "-10.00%"),
                (Tone::Plain, "–"),
                (Tone::Plain, "–"),
            ]
        );
    }

    #[test]
    fn a_lost_connection_is_told_with_its_reason() {
        let link = Link::Lost("the connection was closed".to_owned(), 3);
        let lines = shown(&table(0), &Status { link, ..status() }, 100, 10, 0);
        assert!(lines[0].contains("the connection was closed; again in 3 s"), "{lines:?}");
    }
}
