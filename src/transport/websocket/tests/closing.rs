//! Close frames: class 7.

use super::{CLOSE, CONTINUES, ENDS, PING, TEXT, TEXT_BEGINS, check, data, fails, frame, passes};
use crate::{session::CloseReason, transport::websocket::Received};

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

fn closed(code: u16) -> Received {
    Received::Close(Some(code))
}

#[test]
fn nothing_that_follows_a_close_has_a_meaning_class_7_1() {
    passes("7.1.1", &[frame(TEXT, b"a"), close(1000, b"")], &[data(b"a"), closed(1000)]);
    passes("7.1.2", &[close(1000, b""), close(1000, b"")], &[closed(1000)]);
    passes("7.1.3", &[close(1000, b""), frame(PING, b"")], &[closed(1000)]);
    passes("7.1.4", &[close(1000, b""), frame(TEXT, b"a")], &[closed(1000)]);
    let fragments = [frame(TEXT_BEGINS, b"1"), close(1000, b""), frame(ENDS, b"2")];
    passes("7.1.5", &fragments, &[data(b"1"), closed(1000)]);
    for wrong in [frame(0xff, b""), frame(CONTINUES, b""), vec![TEXT, 0], vec![b'x'; 70_000]] {
        passes("not even what is wrong", &[frame(CLOSE, b""), wrong], &[Received::Close(None)]);
    }
}

#[test]
fn a_close_has_no_payload_or_a_code_and_a_reason_class_7_3() {
    passes("7.3.1", &[frame(CLOSE, b"")], &[Received::Close(None)]);
    fails("7.3.2", &[frame(CLOSE, b"a")], &[]);
    passes("7.3.3", &[close(1000, b"")], &[closed(1000)]);
    passes("7.3.4", &[close(1000, b"Hello World!")], &[closed(1000)]);
    passes("7.3.5", &[close(1000, &[b'*'; 123])], &[closed(1000)]);
    fails("7.3.6", &[close(1000, &[b'*'; 124])], &[]);
}

#[test]
fn a_closes_reason_is_utf_8_class_7_5() {
    let end = Some(CloseReason::NotUtf8);
    check("7.5.1", &[close(1000, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80edited")], &[], end);
    check("a cut character", &[close(1000, b"\xce")], &[], end);
    passes("a whole one", &[close(1000, "κόσμε".as_bytes())], &[closed(1000)]);
}

#[test]
fn codes_that_may_be_sent_class_7_7() {
    let codes = (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999]);
    for code in codes {
        passes(&format!("7.7 with {code}"), &[close(code, b"")], &[closed(code)]);
    }
}

#[test]
fn codes_that_may_not_be_sent_classes_7_9_and_7_13() {
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        fails(&format!("7.9 with {code}"), &[close(code, b"")], &[]);
        fails(&format!("7.9 with {code}"), &[close(code, b"reason")], &[]);
    }
}
