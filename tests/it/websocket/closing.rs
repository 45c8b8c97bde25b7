//! The Autobahn test suite's class 7 on a running server: the closing handshake. After the client's
//! close and its answer the server ends the connection, by itself.

use super::raw::{CLOSE, ENDS, PING, RawClient, TEXT_BEGINS, check, close, echo, echo_frame, fails, frame};
use crate::support::Server;

fn close_with(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

#[test]
fn what_follows_a_close_is_not_answered_class_7_1() {
    let server = Server::ready(&[]);
    let closed = &["CLOSE 1000"][..];
    check(&server, "7.1.1", &[echo_frame("a"), close(1000)], &["RECEIPT a", "CLOSE 1000"]);
    check(&server, "7.1.2", &[close(1000), close(1000)], closed);
    check(&server, "7.1.3", &[close(1000), frame(PING, b"")], closed);
    check(&server, "7.1.4", &[close(1000), echo_frame("late")], closed);
    let message = echo("in halves");
    let (one, two) = message.as_bytes().split_at(12);
    check(&server, "7.1.5", &[frame(TEXT_BEGINS, one), close(1000), frame(ENDS, two)], closed);
    let large = frame(super::raw::TEXT, &vec![b'\n'; 64 * 1024]);
    let frames = [vec![large; 4], vec![echo_frame("after"), close(1000), frame(PING, b"")]].concat();
    check(&server, "7.1.6", &frames, &["RECEIPT after", "CLOSE 1000"]);
    check(&server, "not WebSocket any more", &[close(1000), b"GET / HTTP/1.1\r\n\r\n".to_vec()], closed);
}

#[test]
fn a_close_is_answered_with_its_code_or_refused_class_7_3() {
    let server = Server::ready(&[]);
    check(&server, "7.3.1", &[frame(CLOSE, b"")], &["CLOSE 1000"]);
    fails(&server, "7.3.2", &[frame(CLOSE, b"a")], &[]);
    check(&server, "7.3.3", &[close(1000)], &["CLOSE 1000"]);
    check(&server, "7.3.4", &[close_with(1000, b"Hello World!")], &["CLOSE 1000"]);
    check(&server, "7.3.5", &[close_with(1000, &[b'*'; 123])], &["CLOSE 1000"]);
    fails(&server, "7.3.6", &[close_with(1000, &[b'*'; 124])], &[]);
}

#[test]
fn a_close_s_reason_is_utf_8_class_7_5() {
    let server = Server::ready(&[]);
    let reason = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";
    check(&server, "7.5.1", &[close_with(1000, reason)], &["CLOSE 1007"]);
}

#[test]
fn codes_that_may_be_sent_come_back_class_7_7() {
    let server = Server::ready(&[]);
    for code in (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999]) {
        let mut client = RawClient::connect(&server);
        client.write(&close(code), usize::MAX);
        assert_eq!(client.next(), Some(format!("CLOSE {code}")), "7.7 with {code}");
        assert_eq!(client.next(), None, "the server ends the connection");
    }
}

#[test]
fn codes_that_may_not_be_sent_are_refused_classes_7_9_and_7_13() {
    let server = Server::ready(&[]);
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        fails(&server, &format!("7.9 with {code}"), &[close(code)], &[]);
    }
}

#[test]
fn what_was_owed_goes_before_the_answer_to_a_close() {
    let server = Server::ready(&[]);
    let asked: Vec<_> = (0..100).map(|number| echo_frame(&number.to_string())).collect();
    let expected: Vec<_> = (0..100).map(|number| format!("RECEIPT {number}")).collect();
    let mut client = RawClient::connect(&server);
    client.write(&[asked.concat(), close(3001)].concat(), usize::MAX);
    let said: Vec<_> = std::iter::from_fn(|| client.next()).collect();
    assert_eq!(said, [expected, vec!["CLOSE 3001".to_owned()]].concat());
}
