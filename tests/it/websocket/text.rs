//! The Autobahn test suite's class 6 on a running server: text is UTF-8, however it's cut.

use super::raw::{
    BINARY, CONTINUES, ENDS, RawClient, TEXT, TEXT_BEGINS, check, close, echo, echo_frame, frame, passes,
};
use crate::support::Server;

/// The sequence is in a receipt's name, and that comes back.
#[track_caller]
fn valid(server: &Server, case: &str, text: &str) {
    let expected = format!("RECEIPT {text}");
    let message = echo(text);
    passes(server, case, &[frame(TEXT, message.as_bytes())], &[&expected]);
    let begin = "UNSUBSCRIBE\nid:none\nreceipt:".len();
    for cut in begin..=begin + text.len() {
        let (one, two) = message.as_bytes().split_at(cut);
        let mut client = RawClient::connect(server);
        client.write(&[frame(TEXT_BEGINS, one), frame(ENDS, two), close(1000)].concat(), usize::MAX);
        assert_eq!(client.read_to_end(), [&expected, "CLOSE 1000"], "{case} cut at {cut}");
    }
}

#[track_caller]
fn invalid(server: &Server, case: &str, text: &[u8]) {
    let case = format!("{case} {text:x?}");
    let message = [b"UNSUBSCRIBE\nid:none\nreceipt:", text, b"\n\n\0"].concat();
    check(server, &case, &[frame(TEXT, &message), echo_frame("after")], &["CLOSE 1007"]);
    let cut = message.len() - text.len();
    let fragments = [frame(TEXT_BEGINS, &message[..cut]), frame(ENDS, &message[cut..]), echo_frame("after")];
    check(server, &case, &fragments, &["CLOSE 1007"]);
}

#[test]
fn text_of_no_length_class_6_1() {
    let server = Server::ready(&[]);
    let message = echo("middle");
    let frames = [frame(TEXT_BEGINS, b""), frame(CONTINUES, message.as_bytes()), frame(ENDS, b"")];
    passes(&server, "6.1.3", &frames, &["RECEIPT middle"]);
    let empty = [frame(TEXT_BEGINS, b""), frame(CONTINUES, b""), frame(ENDS, b""), echo_frame("after")];
    passes(&server, "6.1.2", &empty, &["RECEIPT after"]);
}

#[test]
fn what_utf_8_is_classes_6_2_to_6_11_and_6_22() {
    let server = Server::ready(&[]);
    for (case, text) in [
        ("6.2", "Hello-µ@ßöäüàá-UTF-8!!"),
        ("6.5", "hello\u{24b62}world"),
        ("6.6", "κόσμε"),
        ("6.7", "\u{1}\u{80}\u{800}\u{10000}"),
        ("6.9", "\x7f\u{7ff}\u{ffff}\u{10ffff}"),
        ("6.11", "\u{d7ff}\u{e000}\u{fffd}"),
        ("6.22", "\u{fffe}\u{1fffe}\u{1ffff}\u{10fffe}"),
        ("6.23", "\u{fff9}\u{fffa}\u{fffb}\u{fffc}"),
    ] {
        valid(&server, case, text);
    }
}

#[test]
fn what_utf_8_is_not_classes_6_3_to_6_21() {
    let server = Server::ready(&[]);
    for (case, text) in [
        ("6.3.1", &b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"[..]),
        ("6.3.2", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited"),
        ("6.6.1", b"\xce"),
        ("6.8", b"\xf8\x88\x80\x80\x80"),
        ("6.10", b"\xf7\xbf\xbf\xbf"),
        ("6.12", b"\x80"),
        ("6.13", b"\xc0 "),
        ("6.14", b"\xef\xbf"),
        ("6.15", b"\xc0\xe0\x80"),
        ("6.16", b"\xfe"),
        ("6.17", b"\xe0\x80\xaf"),
        ("6.18", b"\xf0\x8f\xbf\xbf"),
        ("6.19", b"\xc0\x80"),
        ("6.20", b"\xed\xa0\x80"),
        ("6.21", b"\xed\xa0\x80\xed\xb0\x80"),
    ] {
        invalid(&server, case, text);
    }
}

#[test]
fn text_fails_at_the_fragment_that_breaks_it_class_6_4() {
    let server = Server::ready(&[]);
    for wrong in [&b"\xf4\x90"[..], b"\xed\xa0"] {
        let mut client = RawClient::connect(&server);
        client
            .write(&[frame(TEXT_BEGINS, "κόσμε".as_bytes()), frame(super::raw::PING, b"so far")].concat(), 7);
        assert_eq!(client.next().as_deref(), Some("PONG so far"), "6.4: the first fragment is UTF-8");
        client.write(&frame(CONTINUES, wrong), 1);
        assert_eq!(client.read_to_end(), ["CLOSE 1007"], "6.4 {wrong:x?}");
    }
}

#[test]
fn a_binary_message_is_stomp_s_to_judge() {
    let server = Server::ready(&[]);
    let message = b"UNSUBSCRIBE\nid:none\nreceipt:\xc3\x28\n\n\0";
    check(&server, "binary", &[frame(BINARY, message)], &["ERROR not UTF-8", "CLOSE 1007"]);
    passes(&server, "binary", &[frame(BINARY, echo("€").as_bytes())], &["RECEIPT €"]);
}
