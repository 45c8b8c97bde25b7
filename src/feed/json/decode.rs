//! JSON to a tick: by simd-json, whose buffers are kept from record to record, so that reading one
//! allocates nothing.

use simd_json::{Buffers, INPUT_PADDING, Node, StaticNode, Tape};

use super::digits::{overlong_number, vanished_number};
use crate::{
    feed::{
        Rejection,
        rules::{check_length, check_time, check_venue},
    },
    market::{NumberError, Price, Side, Size, SymbolRef, Tick, Trade},
};

/// Reads JSON ticks; one for each thread that reads.
#[derive(Default)]
pub struct JsonDecoder {
    input: Vec<u8>,
    buffers: Buffers,
    /// Empty between records; kept for its allocation.
    tape: Option<Tape<'static>>,
}

impl std::fmt::Debug for JsonDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonDecoder").finish_non_exhaustive()
    }
}

impl JsonDecoder {
    /// Reads one tick, or says why the payload is none.
    pub fn decode(&mut self, payload: &[u8]) -> Result<Tick<'_>, Rejection> {
        check_length(payload)?;
        // Before parsing, which unescapes strings in place.
        let overlong = overlong_number(payload);
        self.input.clear();
        self.input.extend_from_slice(payload);
        self.input.resize(payload.len() + INPUT_PADDING, 0);
        let mut tape = self.tape.take().unwrap_or_else(|| Tape(Vec::new())).reset();
        let parsed =
            simd_json::fill_tape_padded(&mut self.input, payload.len(), &mut self.buffers, &mut tape);
        let tick = match (parsed, overlong) {
            (Err(error), _) => Err(Rejection::NotJson(error.to_string())),
            (Ok(()), Some(field)) => Err(Rejection::TooManyDigits(field)),
            (Ok(()), None) => read(&tape.0, payload),
        };
        self.tape = Some(tape.reset());
        tick
    }
}

/// The fields as they stand, before it is known whether they fit together.
#[derive(Default)]
struct Fields<'a> {
    symbol: Option<Value<'a>>,
    time_us: Option<Value<'a>>,
    price: Option<Value<'a>>,
    size: Option<Value<'a>>,
    bid: Option<Value<'a>>,
    bid_size: Option<Value<'a>>,
    ask: Option<Value<'a>>,
    ask_size: Option<Value<'a>>,
    venue: Option<Value<'a>>,
    /// Whether one of them is a float that reads as zero.
    has_zero: bool,
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Null,
    Text(&'a str),
    Integer(i64),
    /// Whole, and beyond what 64 bits with a sign hold.
    HugeInteger,
    Float(f64),
    /// A boolean, an array or an object.
    Other,
}

/// Reads the nodes of `payload`.
fn read<'a>(nodes: &[Node<'a>], payload: &[u8]) -> Result<Tick<'a>, Rejection> {
    let [Node::Object { len, .. }, rest @ ..] = nodes else { return Err(Rejection::NotAnObject) };
    let fields = read_fields(rest, *len)?;
    // Only the text tells a zero from what is too small for a float.
    if fields.has_zero
        && let Some(field) = vanished_number(payload)
    {
        return Err(Rejection::Number { field, error: NumberError::TooManyDecimals });
    }
    let symbol = match fields.symbol {
        Some(Value::Text(text)) => SymbolRef::parse(text).map_err(Rejection::Symbol)?,
        Some(Value::Null) | None => return Err(Rejection::MissingSymbol),
        Some(_) => return Err(Rejection::Type { field: "symbol", allowed: "a string" }),
    };
    let trade = match (present(fields.price), present(fields.size)) {
        (None, Some(_)) => return Err(Rejection::OrphanSize { size: "size", price: "price" }),
        (None, None) => None,
        (Some(price), size) => Some(Trade {
            price: price.number("price", Price::parse, Price::from_integer, Price::from_f64)?,
            size: size.map(|size| size.size("size")).transpose()?,
        }),
    };
    let bid = side(["bid", "bid_size"], fields.bid, fields.bid_size)?;
    let ask = side(["ask", "ask_size"], fields.ask, fields.ask_size)?;
    if fields.bid.is_none() && fields.ask.is_none() && trade.is_none() {
        return Err(Rejection::MissingPrice);
    }
    Ok(Tick { symbol, time_us: time_us(fields.time_us)?, trade, bid, ask, venue: venue(fields.venue)? })
}

fn read_fields<'a>(mut rest: &[Node<'a>], len: usize) -> Result<Fields<'a>, Rejection> {
    let mut fields = Fields::default();
    for _ in 0..len {
        let [Node::String(key), value, ..] = rest else { return Err(Rejection::NotAnObject) };
        let (value, nodes) = Value::of(*value);
        rest = &rest[1 + nodes..];
        let (field, name) = match *key {
            "symbol" => (&mut fields.symbol, "symbol"),
            "time_us" => (&mut fields.time_us, "time_us"),
            "price" => (&mut fields.price, "price"),
            "size" => (&mut fields.size, "size"),
            "bid" => (&mut fields.bid, "bid"),
            "bid_size" => (&mut fields.bid_size, "bid_size"),
            "ask" => (&mut fields.ask, "ask"),
            "ask_size" => (&mut fields.ask_size, "ask_size"),
            "venue" => (&mut fields.venue, "venue"),
            // Fields of later versions and of producers' own don't make a tick bad.
            _ => continue,
        };
        if field.replace(value).is_some() {
            return Err(Rejection::Repeated(name));
        }
        fields.has_zero |= matches!(value, Value::Float(0.0));
    }
    Ok(fields)
}

impl<'a> Value<'a> {
    /// The value, and over how many nodes it stretches.
    fn of(node: Node<'a>) -> (Self, usize) {
        match node {
            Node::String(text) => (Self::Text(text), 1),
            Node::Static(StaticNode::Null) => (Self::Null, 1),
            Node::Static(StaticNode::I64(value)) => (Self::Integer(value), 1),
            Node::Static(StaticNode::U64(value)) => {
                (i64::try_from(value).map_or(Self::HugeInteger, Self::Integer), 1)
            }
            Node::Static(StaticNode::F64(value)) => (Self::Float(value), 1),
            Node::Static(_) => (Self::Other, 1),
            Node::Object { count, .. } | Node::Array { count, .. } => (Self::Other, 1 + count),
        }
    }

    fn number<T>(
        self,
        field: &'static str,
        of_text: impl Fn(&str) -> Result<T, NumberError>,
        of_integer: impl Fn(i64) -> Result<T, NumberError>,
        of_float: impl Fn(f64) -> Result<T, NumberError>,
    ) -> Result<T, Rejection> {
        match self {
            Self::Text(text) => of_text(text),
            Self::Integer(value) => of_integer(value),
            Self::HugeInteger => Err(NumberError::OutOfRange),
            Self::Float(value) => of_float(value),
            Self::Null | Self::Other => {
                return Err(Rejection::Type { field, allowed: "a number, or a decimal in a string" });
            }
        }
        .map_err(|error| Rejection::Number { field, error })
    }

    fn size(self, field: &'static str) -> Result<Size, Rejection> {
        self.number(field, Size::parse, Size::from_integer, Size::from_f64)
    }
}

/// A `null` where it has no meaning of its own is as good as nothing.
fn present(value: Option<Value<'_>>) -> Option<Value<'_>> {
    value.filter(|value| !matches!(value, Value::Null))
}

fn side(
    [price_name, size_name]: [&'static str; 2],
    price: Option<Value<'_>>,
    size: Option<Value<'_>>,
) -> Result<Side, Rejection> {
    let size = present(size);
    match (price, size) {
        (None | Some(Value::Null), Some(_)) => {
            Err(Rejection::OrphanSize { size: size_name, price: price_name })
        }
        (None, None) => Ok(Side::Keep),
        (Some(Value::Null), None) => Ok(Side::Clear),
        (Some(price), size) => Ok(Side::Set {
            price: price.number(price_name, Price::parse, Price::from_integer, Price::from_f64)?,
            size: size.map(|size| size.size(size_name)).transpose()?,
        }),
    }
}

fn time_us(value: Option<Value<'_>>) -> Result<Option<i64>, Rejection> {
    match present(value) {
        None => Ok(None),
        Some(Value::Integer(time_us)) => check_time(time_us).map(Some),
        Some(_) => Err(Rejection::Time),
    }
}

fn venue(value: Option<Value<'_>>) -> Result<Option<&str>, Rejection> {
    match present(value) {
        None => Ok(None),
        Some(Value::Text(text)) => check_venue(text).map(Some),
        Some(_) => Err(Rejection::Venue),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{PAYLOAD_BYTES_MAX, any_tick::any_tick, json::encode};
    use proptest::prelude::*;

    /// What the tick reads as, written out again; or the label of the rejection.
    #[track_caller]
    fn check(payload: &str, expected: &str) {
        let mut decoder = JsonDecoder::default();
        let mut out = Vec::new();
        match decoder.decode(payload.as_bytes()) {
            Ok(tick) => encode(&tick, &mut out),
            Err(rejection) => out.extend_from_slice(rejection.label().as_bytes()),
        }
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{payload}");
    }

    #[test]
    fn the_example_of_the_contract_is_read() {
        let example = r#"{"symbol":"AAPL","time_us":1732187000123456,"price":189.84,"size":100,"bid":189.83,"bid_size":300,"ask":189.85,"ask_size":200,"venue":"XNAS"}"#;
        check(example, example);
    }

    #[test]
    fn numbers_are_exact_in_either_form() {
        check(r#"{"symbol":"A","price":"189.84"}"#, r#"{"symbol":"A","price":189.84}"#);
        check(r#"{"symbol":"A","price":1.5e2}"#, r#"{"symbol":"A","price":150}"#);
        check(r#"{"symbol":"A","price":0.1}"#, r#"{"symbol":"A","price":0.1}"#);
        check(r#"{"symbol":"A","price":-37.63}"#, r#"{"symbol":"A","price":-37.63}"#);
        check(r#"{"symbol":"A","price":123456.123456789}"#, r#"{"symbol":"A","price":123456.123456789}"#);
        let long = r#"{"symbol":"A","price":"1234567890.123456789"}"#;
        check(long, long);
    }

    #[test]
    fn what_would_have_to_be_rounded_is_refused() {
        for price in ["0.0000000001", "1234567.123456789", "9223372037", "99999999999999999999", "1e300"] {
            check(&format!(r#"{{"symbol":"A","price":{price}}}"#), "number");
        }
        for price in ["NaN", "\"NaN\"", "\"\"", "\"1e3\"", "\"1,5\""] {
            let label = if price == "NaN" { "not_json" } else { "number" };
            check(&format!(r#"{{"symbol":"A","price":{price}}}"#), label);
        }
        check(r#"{"symbol":"A","price":1,"size":-1}"#, "number");
    }

    #[test]
    fn a_side_is_kept_cleared_or_set() {
        check(r#"{"symbol":"A","bid":1}"#, r#"{"symbol":"A","bid":1}"#);
        check(r#"{"symbol":"A","bid":null}"#, r#"{"symbol":"A","bid":null}"#);
        check(r#"{"symbol":"A","ask":2,"ask_size":null}"#, r#"{"symbol":"A","ask":2}"#);
        check(r#"{"symbol":"A","ask":2,"bid_size":1}"#, "orphan_size");
        check(r#"{"symbol":"A","ask":2,"size":1}"#, "orphan_size");
    }

    #[test]
    fn what_is_no_tick_is_refused_with_its_reason() {
        for (payload, label) in [
            ("", "not_json"),
            ("{", "not_json"),
            ("[]", "not_json"),
            ("1", "not_json"),
            ("{}", "symbol"),
            (r#"{"symbol":null,"price":1}"#, "symbol"),
            (r#"{"symbol":"A B","price":1}"#, "symbol"),
            (r#"{"symbol":7,"price":1}"#, "type"),
            (r#"{"symbol":"A"}"#, "missing_price"),
            (r#"{"symbol":"A","price":null}"#, "missing_price"),
            (r#"{"symbol":"A","price":true}"#, "type"),
            (r#"{"symbol":"A","price":[1]}"#, "type"),
            (r#"{"symbol":"A","price":1,"price":2}"#, "repeated_field"),
            (r#"{"symbol":"A","price":1,"time_us":-1}"#, "time"),
            (r#"{"symbol":"A","price":1,"time_us":9007199254740992}"#, "time"),
            (r#"{"symbol":"A","price":1,"time_us":1.5}"#, "time"),
            (r#"{"symbol":"A","price":1,"venue":""}"#, "venue"),
        ] {
            check(payload, label);
        }
        let mut decoder = JsonDecoder::default();
        let huge = " ".repeat(PAYLOAD_BYTES_MAX + 1);
        assert!(matches!(decoder.decode(huge.as_bytes()), Err(Rejection::TooLarge { .. })));
    }

    #[test]
    fn unknown_fields_of_any_shape_are_passed_over() {
        check(r#"{"x":{"price":[1,{"y":2}]},"symbol":"A","z":[],"price":1}"#, r#"{"symbol":"A","price":1}"#);
        check(r#"{"symbol":"A","mid":189.84333333333333,"price":1}"#, r#"{"symbol":"A","price":1}"#);
    }

    #[test]
    fn a_bad_record_leaves_nothing_behind() {
        let mut decoder = JsonDecoder::default();
        assert!(decoder.decode(br#"{"symbol":"A","price":"#).is_err());
        assert_eq!(decoder.decode(br#"{"symbol":"B","price":1}"#).unwrap().symbol.as_str(), "B");
    }

    #[test]
    fn a_number_is_zero_only_if_its_text_is() {
        for zero in ["0", "-0", "0.0", "-0.000", "0e5", "0e-6000", "0.0E+99999999999", "\"-0.00\""] {
            check(&format!(r#"{{"symbol":"A","price":{zero}}}"#), r#"{"symbol":"A","price":0}"#);
        }
        let zeros = "0".repeat(340);
        for small in ["1e-400", "-1e-400", "1e-324", "5e-324", "1e-5000", &format!("0.{zeros}1")] {
            check(&format!(r#"{{"symbol":"A","price":{small}}}"#), "number");
            check(
                &format!(r#"{{"symbol":"A","price":1.5,"size":0.0,"bid_size":{small},"bid":2}}"#),
                "number",
            );
        }
        check(&format!(r#"{{"symbol":"A","price":"0.{zeros}1"}}"#), "number");
        check(r#"{"symbol":"A","x":1e-400,"price":0.0}"#, r#"{"symbol":"A","price":0}"#);
        // What is too large for a float is no number to simd-json.
        check(r#"{"symbol":"A","price":1e400}"#, "not_json");
    }

    /// What `digits` times ten to the power of `exponent` is in units of 1e-9, if it's a whole number of them.
    fn units(digits: &str, exponent: i64, negative: bool) -> Option<i64> {
        let significant = digits.trim_matches('0');
        if significant.is_empty() {
            return Some(0);
        }
        let trailing = digits.len() - digits.trim_end_matches('0').len();
        let zeros = u32::try_from(exponent + trailing as i64 + 9).ok()?;
        let magnitude = significant.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(zeros)?)?;
        i64::try_from(if negative { -magnitude } else { magnitude }).ok()
    }

    proptest! {
        #[test]
        fn a_decimal_is_taken_exactly_or_refused(
            negative: bool,
            whole in "0|[1-9][0-9]{0,24}|[1-9]0{0,24}",
            decimals in proptest::option::of("[0-9]{1,24}|0{0,400}[0-9]{1,9}0{0,40}"),
            exponent in proptest::option::of(prop_oneof![-30_i64..=30, -400_i64..=400, -6000_i64..=6000]),
        ) {
            let tail = decimals.as_ref().map(|it| format!(".{it}")).unwrap_or_default();
            let power = exponent.map(|it| format!("e{it}")).unwrap_or_default();
            let sign = if negative { "-" } else { "" };
            let payload = format!(r#"{{"symbol":"A","price":{sign}{whole}{tail}{power}}}"#);
            let decimals = decimals.unwrap_or_default();
            let digits = format!("{whole}{decimals}");
            let exact = units(&digits, exponent.unwrap_or(0) - decimals.len() as i64, negative);
            let mut decoder = JsonDecoder::default();
            let read = decoder.decode(payload.as_bytes()).ok();
            let read = read.map(|tick| tick.trade.expect("it has a price").price.units());
            // All that fifteen digits can say is promised; more of them may be refused, but never changed.
            let is_promised = digits.trim_matches('0').len() <= 15;
            prop_assert!(read == exact || (read.is_none() && !is_promised), "{read:?} for {exact:?}: {payload}");
        }

        #[test]
        fn encode_then_decode_is_the_identity(tick in any_tick()) {
            let mut payload = Vec::new();
            encode(&tick.tick(), &mut payload);
            let mut decoder = JsonDecoder::default();
            prop_assert_eq!(decoder.decode(&payload), Ok(tick.tick()));
        }

        #[test]
        fn no_input_panics(payload: Vec<u8>, text in "[{}\\[\\]\":,a-e0-9.\\\\ -]{0,64}") {
            let mut decoder = JsonDecoder::default();
            let _ = decoder.decode(&payload);
            let _ = decoder.decode(text.as_bytes());
        }
    }
}
