//! Tests of the CSV reader.

use super::*;

const QUOTE: &str = "time,symbol,bid,ask\n2024-07-01T00:00:00Z,A,1.5,1.75\n";

/// Each tick as the JSON that is published, each bad row as its message.
fn read(input: &str, symbol: Option<&str>, options: CsvOptions) -> Result<Vec<String>, ReadError> {
    let symbol = symbol.map(|symbol| Symbol::parse(symbol).unwrap());
    let mut reader = CsvReader::open(input.as_bytes(), symbol, options)?;
    let mut seen = Vec::new();
    loop {
        match reader.step()? {
            Step::Tick(recorded) => {
                let mut json = Vec::new();
                crate::feed::json::encode(&recorded.tick, &mut json);
                seen.push(String::from_utf8(json).unwrap());
            }
            Step::Bad(bad) => seen.push(bad.to_string()),
            Step::Nothing => {}
            Step::End => return Ok(seen),
        }
    }
}

#[track_caller]
fn check(input: &str, symbol: Option<&str>, options: CsvOptions, expected: &[&str]) {
    assert_eq!(read(input, symbol, options).unwrap(), expected);
}

#[track_caller]
fn refused(input: &str, options: CsvOptions) -> String {
    read(input, None, options).unwrap_err().to_string()
}

fn told(columns: &str) -> CsvOptions {
    let names = columns.split(',').map(str::to_owned).collect();
    CsvOptions { header: Header::Told(names), ..CsvOptions::default() }
}

#[test]
fn quotes_and_trades_are_read_by_their_column_names() {
    check(
        QUOTE,
        None,
        CsvOptions::default(),
        &[r#"{"symbol":"A","time_us":1719792000000000,"bid":1.5,"ask":1.75}"#],
    );
    check(
        "\u{feff}Timestamp, Ticker ,Price,Volume,Exchange\r\n1719792000,B,2,300,XNAS\r\n",
        None,
        CsvOptions::default(),
        &[r#"{"symbol":"B","time_us":1719792000000000,"price":2,"size":300,"venue":"XNAS"}"#],
    );
    check(
        "time,bid,bid_size,ask,ask_size,symbol\n1719792000000,1,10,2,20,C\n",
        None,
        CsvOptions::default(),
        &[r#"{"symbol":"C","time_us":1719792000000000,"bid":1,"bid_size":10,"ask":2,"ask_size":20}"#],
    );
}

#[test]
fn columns_and_the_symbol_can_be_told() {
    check(
        "20200101 170000065,1.121200,1.121720,0\n",
        Some("EURUSD"),
        told("time,bid,ask,volume"),
        &[r#"{"symbol":"EURUSD","time_us":1577898000065000,"bid":1.1212,"ask":1.12172}"#],
    );
    let names =
        ColumnNames { time: Some("when".to_owned()), price: Some("px".to_owned()), ..ColumnNames::default() };
    check(
        "when;symbol;px;price\n1719792000;A;1,0;7\n1719792000;A;1.0;7\n",
        Some("B"),
        CsvOptions { names, delimiter: b';', ..CsvOptions::default() },
        &[
            "row 2, column px: \"1,0\" is no price: not a decimal number; allowed is a decimal such as 189.84, \
             of at most 9 decimals",
            r#"{"symbol":"B","time_us":1719792000000000,"price":1}"#,
        ],
    );
}

#[test]
fn an_empty_cell_keeps_and_null_clears() {
    check(
        "time,symbol,bid,ask,price,size\n1719792000,A,1,null,,\n1719792000,A,,2,3,\n1719792000,A,,,,5\n",
        None,
        CsvOptions::default(),
        &[
            r#"{"symbol":"A","time_us":1719792000000000,"bid":1,"ask":null}"#,
            r#"{"symbol":"A","time_us":1719792000000000,"price":3,"ask":2}"#,
            "row 4: has neither a price nor a bid nor an ask",
        ],
    );
}

#[test]
fn a_bad_row_is_named_by_its_line_and_column_and_the_next_is_read() {
    let seen = read(
        "time,symbol,bid,ask\nnoon,A,1,2\n\n1719792000,A B,1,2\n1719792000,A,1\n1719792000,,1,2\n\
         1719792000,A,0.0000000001,2\n1719792000,A,1,2\n",
        None,
        CsvOptions::default(),
    )
    .unwrap();
    let starts = [
        "row 2, column time: \"noon\" is no time; allowed are",
        "row 4, column symbol: \"A B\" is no symbol: has ' '; allowed are",
        "row 5: has 3 columns; the first row has 4",
        "row 6, column symbol: is empty; every row needs one",
        "row 7, column bid: \"0.0000000001\" is no price: more than 9 decimals",
        "{\"symbol\":\"A\"",
    ];
    assert_eq!(seen.len(), starts.len(), "{seen:#?}");
    for (text, start) in seen.iter().zip(starts) {
        assert!(text.starts_with(start), "{text:?} should start with {start:?}");
    }
}

#[test]
fn a_row_is_numbered_by_the_line_it_begins_on_whatever_ends_the_lines() {
    for end in ["\n", "\r\n"] {
        let lines = [
            "time,symbol,price,note",
            "",
            "1719792000,A,1,\"two\nlines\"",
            "1719792000,A,x,\"two\nlines\"",
            "1,A",
        ];
        let seen = read(&lines.join(end), None, CsvOptions::default()).unwrap();
        assert!(seen[1].starts_with("row 5, column price"), "{seen:?}");
        assert!(seen[2].starts_with("row 7: has 2 columns"), "{seen:?}");
    }
}

#[test]
fn a_table_without_what_a_tick_needs_is_refused_with_the_flag_that_helps() {
    let default = CsvOptions::default;
    assert!(refused("symbol,bid\n", default()).contains("--time-column"));
    assert!(refused("time,bid\n", default()).contains("--symbol"));
    assert!(refused("time,symbol,volume\n", default()).ends_with("its columns are time, symbol, volume"));
    assert!(refused("", default()).ends_with("its columns are none"));
    let names = ColumnNames { bid: Some("b".to_owned()), ..ColumnNames::default() };
    let message = refused(QUOTE, CsvOptions { names, ..default() });
    assert!(message.starts_with("has no column \"b\", which --bid-column tells"), "{message}");
}

#[test]
fn what_is_no_text_is_told_in_words_with_its_row() {
    let open = |bytes: &'static [u8]| CsvReader::open(bytes, None, CsvOptions::default());
    let error = open(b"\x89PNG\xff\xfe\n1,2\n").unwrap_err();
    assert_eq!(error.to_string(), "isn't CSV: row 1 isn't UTF-8 text");
    let mut reader =
        open(b"time,symbol,price\n1719792000,A,1\n\n1719792000,\xff,1\n1719792000,B,1\n").unwrap();
    assert!(matches!(reader.step(), Ok(Step::Tick(_))));
    match reader.step() {
        Ok(Step::Bad(bad)) => assert_eq!(bad.to_string(), "row 4: isn't UTF-8 text"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(reader.step(), Ok(Step::Tick(_))));
}
