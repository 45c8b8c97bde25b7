//! The format of a record is none of the state's business.

use proptest::prelude::*;

use super::*;
use crate::feed::{Encoder, any_tick::any_tick};

proptest! {
    /// Also framed, also with the format told by the setting alone.
    #[test]
    fn a_history_folds_alike_in_every_format(ticks in prop::collection::vec(any_tick(), 1..20)) {
        let fold_as = |format: TickFormat, head: &[u8], is_told: bool| {
            let fold = Fold::new("e".into(), DayBoundary::default(), 20);
            let mut fold = if is_told { fold } else { fold.reading(format) };
            let mut encoder = Encoder::new(format);
            for (offset, tick) in (0..).zip(&ticks) {
                let value = [head, encoder.encode(&tick.tick())].concat();
                let content_type = is_told.then_some(format.content_type().as_bytes());
                // No time of the log: a tick may lie at any time.
                let record = Record { timestamp_us: 0, content_type, value: Some(&value), ..record(0, offset, "") };
                fold.apply(&record).unwrap();
            }
            let mut batch = Batch::default();
            fold.publish(0, &mut batch);
            batch.newest.iter().map(|publication| format!("{publication:?}")).collect::<Vec<_>>()
        };
        let expected = fold_as(TickFormat::Json, b"", false);
        prop_assert_eq!(&fold_as(TickFormat::Json, b"\0\0\0\0\x07", true), &expected);
        prop_assert_eq!(&fold_as(TickFormat::Protobuf, b"", true), &expected);
        prop_assert_eq!(&fold_as(TickFormat::Protobuf, b"\0\0\0\0\x07\0", false), &expected);
    }
}
