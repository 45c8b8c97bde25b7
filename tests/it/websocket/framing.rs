//! The Autobahn test suite's classes 1 to 5, 9 and 10 on a running server: lengths, control frames,
//! reserved bits, opcodes, fragments, sizes. A STOMP server echoes receipts' names.

use super::raw::{
    BINARY, BINARY_BEGINS, CLOSE, CONTINUES, ENDS, PING, PONG, RawClient, TEXT, TEXT_BEGINS, check, close,
    echo, echo_frame, fails, frame, header, passes,
};
use crate::support::Server;

/// What a frame's payload may have after CONNECT.
const PAYLOAD_MAX: usize = 64 * 1024;

/// A message of so many bytes whose receipt comes back: line ends, which are heart-beats, fill it.
fn echo_of(text: &str, length: usize) -> Vec<u8> {
    let frame = echo(text);
    [vec![b'\n'; length - frame.len()], frame.into_bytes()].concat()
}

#[test]
fn messages_of_every_length_are_answered_classes_1_1_and_1_2() {
    let server = Server::ready(&[]);
    for first in [TEXT, BINARY] {
        passes(&server, "1.1.1", &[frame(first, b""), echo_frame("after")], &["RECEIPT after"]);
        for length in [125, 126, 127, 128, 65_535, 65_536] {
            let message = frame(first, &echo_of("a", length));
            passes(&server, &format!("1.1 and 1.2, {length}"), &[message], &["RECEIPT a"]);
        }
        let mut client = RawClient::connect(&server);
        client.write(&frame(first, &echo_of("in chops", 65_536)), 997);
        client.write(&close(1000), 1);
        assert_eq!(client.read_to_end(), ["RECEIPT in chops", "CLOSE 1000"], "1.1.8 and 1.2.8");
    }
}

#[test]
fn lengths_have_one_form_and_their_first_bit_unset() {
    let server = Server::ready(&[]);
    let in_16_bits = |length: u16| [&[BINARY, 0x80 | 126][..], &length.to_be_bytes()].concat();
    let in_64_bits = |length: u64| [&[BINARY, 0x80 | 127][..], &length.to_be_bytes()].concat();
    let wrong = [in_16_bits(0), in_16_bits(125), in_64_bits(125), in_64_bits(65_535), in_64_bits(1 << 63)];
    for header in wrong {
        let case = format!("{header:x?}");
        fails(&server, &case, &[echo_frame("before"), header], &["RECEIPT before"]);
    }
    let too_big = ["ERROR frame too big", "CLOSE 1009"];
    for length in [65_537, 1 << 40, i64::MAX as u64] {
        check(&server, &format!("{length}"), &[in_64_bits(length)], &too_big);
    }
}

#[test]
fn pings_are_answered_class_2() {
    let server = Server::ready(&[]);
    let ping = |payload: &str| frame(PING, payload.as_bytes());
    passes(&server, "2.1", &[ping("")], &["PONG "]);
    passes(&server, "2.2", &[ping("Hello, world!")], &["PONG Hello, world!"]);
    let binary = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff";
    let lossy = format!("PONG {}", String::from_utf8_lossy(binary));
    passes(&server, "2.3", &[frame(PING, binary)], &[&lossy]);
    let long = "*".repeat(125);
    passes(&server, "2.4 and 2.6", &[ping(&long)], &[&format!("PONG {long}")]);
    fails(&server, "2.5", &[ping(&"*".repeat(126))], &[]);
    passes(&server, "2.7", &[frame(PONG, b"")], &[]);
    passes(&server, "2.8", &[frame(PONG, b"unsolicited")], &[]);
    passes(&server, "2.9", &[frame(PONG, b"unsolicited"), ping("!")], &["PONG !"]);
    let numbered: Vec<String> = (0..10).map(|number| format!("PONG payload-{number}")).collect();
    let pings: Vec<_> = numbered.iter().map(|pong| ping(pong.strip_prefix("PONG ").unwrap())).collect();
    let pongs: Vec<&str> = numbered.iter().map(String::as_str).collect();
    passes(&server, "2.10 and 2.11", &pings, &pongs);
}

#[test]
fn reserved_bits_are_refused_class_3() {
    let server = Server::ready(&[]);
    for reserved in 1..8 {
        for first in [TEXT, BINARY, PING, CLOSE] {
            let wrong = frame(first | (reserved << 4), b"Hello");
            let frames = [echo_frame("before"), wrong, frame(PING, b"after")];
            fails(&server, &format!("3.{reserved} {first:#x}"), &frames, &["RECEIPT before"]);
        }
    }
}

#[test]
fn reserved_opcodes_are_refused_classes_4_1_and_4_2() {
    let server = Server::ready(&[]);
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let wrong = frame(0x80 | opcode, b"reserved opcode payload");
        let frames = [echo_frame("before"), wrong, frame(PING, b"after")];
        fails(&server, &format!("4 with opcode {opcode}"), &frames, &["RECEIPT before"]);
    }
}

#[test]
fn what_is_not_masked_is_refused() {
    let server = Server::ready(&[]);
    for first in [TEXT, PING, CLOSE] {
        fails(&server, "unmasked", &[echo_frame("before"), vec![first, 0]], &["RECEIPT before"]);
    }
}

#[test]
fn fragments_make_a_message_classes_5_1_to_5_8_and_5_19() {
    let server = Server::ready(&[]);
    let fragment1 = frame(PING & 0x7f, b"fragment1");
    fails(&server, "5.1", &[fragment1, frame(ENDS, b"fragment2")], &[]);
    let fragment1 = frame(PONG & 0x7f, b"fragment1");
    fails(&server, "5.2", &[fragment1, frame(ENDS, b"fragment2")], &[]);
    for begins in [TEXT_BEGINS, BINARY_BEGINS] {
        let message = echo("fragments");
        let (one, two) = message.as_bytes().split_at(20);
        let (one, two) = (frame(begins, one), frame(ENDS, two));
        passes(&server, "5.3 to 5.5", &[one.clone(), two.clone()], &["RECEIPT fragments"]);
        let between = [one, frame(PING, b"pongme"), two];
        passes(&server, "5.6 to 5.8", &between, &["PONG pongme", "RECEIPT fragments"]);
    }
    // The first PING is answered before the message has ended.
    let message = echo("five fragments");
    let mut pieces = message.as_bytes().chunks(message.len().div_ceil(5));
    let mut next = |first| frame(first, pieces.next().expect("there are five"));
    let mut client = RawClient::connect(&server);
    let begin = [next(TEXT_BEGINS), next(CONTINUES), frame(PING, b"pongme 1!")];
    client.write(&begin.concat(), usize::MAX);
    assert_eq!(client.next().as_deref(), Some("PONG pongme 1!"), "5.19 and 5.20");
    let rest = [next(CONTINUES), next(CONTINUES), frame(PING, b"pongme 2!"), next(ENDS), close(1000)];
    client.write(&rest.concat(), usize::MAX);
    let expected = ["PONG pongme 2!", "RECEIPT five fragments", "CLOSE 1000"];
    assert_eq!(client.read_to_end(), expected, "5.19 and 5.20");
}

#[test]
fn fragments_out_of_order_are_refused_classes_5_9_to_5_18() {
    let server = Server::ready(&[]);
    for wrong in [ENDS, CONTINUES] {
        let frames = [frame(wrong, b"non-continuation payload"), echo_frame("after")];
        fails(&server, "5.9 to 5.14", &frames, &[]);
        fails(&server, "5.16 and 5.17", &[&frames[..], &frames[..]].concat(), &[]);
        let whole = echo("whole");
        let (one, two) = whole.as_bytes().split_at(10);
        let frames = [&[frame(TEXT_BEGINS, one), frame(ENDS, two)][..], &frames[..]].concat();
        fails(&server, "5.15", &frames, &["RECEIPT whole"]);
    }
    for wrong in [TEXT, TEXT_BEGINS, BINARY, BINARY_BEGINS] {
        let frames = [frame(TEXT_BEGINS, b"\n"), frame(wrong, echo("within").as_bytes())];
        fails(&server, "5.18", &frames, &[]);
    }
}

#[test]
fn large_messages_come_in_fragments_or_are_refused_classes_9_1_to_9_4_and_10() {
    let server = Server::ready(&[]);
    for first in [TEXT, BINARY] {
        passes(&server, "9.1.1", &[frame(first, &echo_of("64 KiB", PAYLOAD_MAX))], &["RECEIPT 64 KiB"]);
        for kib in [256, 1024, 4096, 8192, 16_384] {
            let declared = header(first, kib * 1024);
            let too_big = ["ERROR frame too big", "CLOSE 1009"];
            check(&server, &format!("9.1 and 9.2, {kib} KiB"), &[declared], &too_big);
        }
    }
    for (case, total, fragment) in [
        ("9.3.1", 1 << 20, 64),
        ("9.3.3", 4 << 20, 1024),
        ("9.3.5", 4 << 20, 16_384),
        ("9.3.6", 4 << 20, 65_536),
        ("10.1.1", 65_536, 1300),
    ] {
        let message = echo_of("all", total);
        let count = message.len().div_ceil(fragment);
        let first = |at: usize| u8::from(at == 0) | if at + 1 == count { 0x80 } else { 0 };
        let fragments = (0..).zip(message.chunks(fragment)).map(|(at, piece)| frame(first(at), piece));
        passes(&server, case, &fragments.collect::<Vec<_>>(), &["RECEIPT all"]);
    }
}

#[test]
fn large_messages_come_in_chops_classes_9_5_and_9_6() {
    let server = Server::ready(&[]);
    for first in [TEXT, BINARY] {
        for chop in [64, 128, 256, 512, 1024, 2048] {
            let mut client = RawClient::connect(&server);
            client.write(&frame(first, &echo_of("in chops", PAYLOAD_MAX)), chop);
            client.write(&close(1000), chop);
            assert_eq!(
                client.read_to_end(),
                ["RECEIPT in chops", "CLOSE 1000"],
                "9.5 and 9.6, chops of {chop}"
            );
        }
    }
}

#[test]
fn a_thousand_messages_class_9_7_and_9_8() {
    let server = Server::ready(&[]);
    for first in [TEXT, BINARY] {
        for length in [0, 16, 64, 256, 1024, 4096, 16_384] {
            // Line ends are heart-beats: they cost nothing.
            let beats = frame(first, &vec![b'\n'; length]).repeat(1000);
            let frames = [beats, echo_frame("after a thousand")];
            passes(&server, &format!("9.7 and 9.8, {length} bytes"), &frames, &["RECEIPT after a thousand"]);
        }
    }
}
