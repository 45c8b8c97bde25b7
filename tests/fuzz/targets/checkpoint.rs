//! Any bytes behind a right checksum are a checkpoint or a reason why not, in no more memory than they take; and what
//! was taken is written and read as the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tickcast::{
    checkpoint::{Checkpoint, Expected, Head, Symbols, seal},
    fold::{Batch, Fold},
    log_id::LogId,
    market::DayBoundary,
};

const SYMBOLS_MAX: usize = 64;

fuzz_target!(|body: &[u8]| {
    let log = LogId { cluster: "c".to_owned(), topic: "t".to_owned(), topic_id: String::new() };
    let boundary = DayBoundary::default();
    let expected = Expected { log: &log, boundary, symbols_max: SYMBOLS_MAX };
    assert!(Checkpoint::read(body, expected).is_err(), "no checksum is right by chance");
    let Ok(checkpoint) = Checkpoint::read(&seal(body), expected) else { return };

    let head = checkpoint.head;
    let fold = restored(checkpoint.symbols);
    let file = file_of(&fold, &head);
    let again = Checkpoint::read(&file, expected).expect("what was written is read");
    assert_eq!(again.head, head);
    let fold = restored(again.symbols);
    assert_eq!(file_of(&fold, &head), file);
});

/// A fold that begins with these, and has told of them.
fn restored(symbols: Vec<tickcast::fold::Kept>) -> Fold {
    let mut fold = Fold::new("e".into(), DayBoundary::default(), SYMBOLS_MAX);
    fold.restore(symbols);
    fold.publish(0, &mut Batch::default());
    fold
}

fn file_of(fold: &Fold, head: &Head) -> Vec<u8> {
    let mut symbols = Symbols::default();
    fold.kept_from(0).for_each(|kept| symbols.push(kept));
    symbols.end(head);
    [head.begin_file(&symbols).as_slice(), symbols.bytes()].concat()
}
