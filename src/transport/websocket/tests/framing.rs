//! Lengths, control frames, reserved bits and opcodes, fragments, sizes: classes 1 to 5, 9 and 10.

use super::{
    BINARY, BINARY_BEGINS, CLOSE, CONTINUES, ENDS, Form, PAYLOAD_MAX, PING, PONG, TEXT, TEXT_BEGINS, check,
    data, fails, frame, frame_with, header, passes, ping, read,
};
use crate::{session::CloseReason, transport::websocket::Received};

#[test]
fn messages_of_every_length_are_read_classes_1_1_and_1_2() {
    for (case, length) in
        [("1", 0), ("2", 125), ("3", 126), ("4", 127), ("5", 128), ("6", 65_535), ("7 and 8", 65_536)]
    {
        let payload = vec![b'*'; length];
        passes(&format!("1.1.{case}"), &[frame(TEXT, &payload)], &[data(&payload)]);
        let payload = vec![0xfe; length];
        passes(&format!("1.2.{case}"), &[frame(BINARY, &payload)], &[data(&payload)]);
    }
}

#[test]
fn lengths_have_one_form_and_their_first_bit_unset() {
    let payload = vec![b'*'; 65_536];
    for (form, length) in
        [(Form::In16Bits, 0), (Form::In16Bits, 125), (Form::In64Bits, 125), (Form::In64Bits, 65_535)]
    {
        let case = format!("{length} {form:?}");
        fails(&case, &[frame_with(BINARY, form, &payload[..length])], &[]);
    }
    for length in [1 << 63, u64::MAX] {
        fails("the first bit", &[header(BINARY, Form::In64Bits, length)], &[]);
    }
}

#[test]
fn a_declared_length_is_refused_before_its_payload_comes() {
    for (form, length) in
        [(Form::In64Bits, 65_537), (Form::In64Bits, 1 << 40), (Form::In64Bits, i64::MAX as u64)]
    {
        let case = format!("{length}");
        check(&case, &[header(BINARY, form, length)], &[], Some(CloseReason::TooBig));
        check(&case, &[header(TEXT_BEGINS, form, length)], &[], Some(CloseReason::TooBig));
    }
}

#[test]
fn what_is_declared_costs_nothing_until_it_comes() {
    let mut reader = super::Reader::default();
    reader.push(&header(BINARY, Form::In64Bits, 65_536));
    assert_eq!(reader.next(PAYLOAD_MAX), Ok(None));
    assert!(reader.buffer_capacity() < 100, "{} bytes for a header", reader.buffer_capacity());
}

#[test]
fn the_last_fragment_ends_the_message_whatever_comes_between() {
    let mut reader = super::Reader::default();
    let frames = [
        (frame(TEXT_BEGINS, b"1"), false),
        (frame(PING, b""), false),
        (frame(CONTINUES, b"2"), false),
        (frame(ENDS, b"3"), true),
        (frame(BINARY, b"4"), true),
    ];
    for (frame, has_ended) in frames {
        reader.push(&frame);
        assert!(matches!(reader.next(PAYLOAD_MAX), Ok(Some(_))));
        assert_eq!(reader.has_ended_message(), has_ended);
    }
}

#[test]
fn pings_and_pongs_class_2() {
    let binary = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff";
    passes("2.1", &[frame(PING, b"")], &[ping(b"")]);
    passes("2.2", &[frame(PING, b"Hello")], &[ping(b"Hello")]);
    passes("2.3", &[frame(PING, binary)], &[ping(binary)]);
    passes("2.4 and 2.6", &[frame(PING, &[0xfe; 125])], &[ping(&[0xfe; 125])]);
    fails("2.5", &[frame(PING, &[0xfe; 126])], &[]);
    fails("2.5", &[frame(PONG, &[0xfe; 126])], &[]);
    fails("2.5", &[frame_with(PING, Form::In16Bits, b"a")], &[]);
    fails("2.5", &[frame_with(PING, Form::In64Bits, b"a")], &[]);
    passes("2.7", &[frame(PONG, b"")], &[Received::Pong]);
    passes("2.8", &[frame(PONG, b"unsolicited")], &[Received::Pong]);
    passes("2.9", &[frame(PONG, b"unsolicited"), frame(PING, b"p")], &[Received::Pong, ping(b"p")]);
    let payloads: Vec<String> = (0..10).map(|number| format!("payload-{number}")).collect();
    let pings: Vec<_> = payloads.iter().map(|payload| frame(PING, payload.as_bytes())).collect();
    let expected: Vec<_> = payloads.iter().map(|payload| ping(payload.as_bytes())).collect();
    passes("2.10 and 2.11", &pings, &expected);
}

#[test]
fn reserved_bits_are_refused_class_3() {
    for reserved in 1..8 {
        for first in [TEXT, BINARY, TEXT_BEGINS, PING, PONG, CLOSE] {
            let wrong = first | (reserved << 4);
            let frames = [frame(TEXT, b"before"), frame(wrong, b""), frame(PING, b"")];
            fails(&format!("3.{reserved} {first:#x}"), &frames, &[data(b"before")]);
        }
        fails("at the first byte", &[vec![TEXT | (reserved << 4)]], &[]);
    }
}

#[test]
fn reserved_opcodes_are_refused_classes_4_1_and_4_2() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for payload in [&b""[..], b"reserved opcode payload"] {
            let frames = [frame(TEXT, b"before"), frame(0x80 | opcode, payload), frame(PING, b"")];
            fails(&format!("4 with opcode {opcode}"), &frames, &[data(b"before")]);
        }
        fails("at the first byte", &[vec![opcode]], &[]);
    }
}

#[test]
fn what_is_not_masked_is_refused() {
    for first in [TEXT, BINARY, PING, PONG, CLOSE] {
        let mut wrong = frame(first, b"");
        wrong[1] &= 0x7f;
        fails("unmasked", &[frame(PING, b"1"), wrong.clone()], &[ping(b"1")]);
        fails("unmasked, at its second byte", &[wrong[..2].to_vec()], &[]);
    }
}

#[test]
fn control_frames_have_no_fragments_classes_5_1_and_5_2() {
    fails("5.1", &[frame(PING & 0x7f, b"fragment1"), frame(ENDS, b"fragment2")], &[]);
    fails("5.2", &[frame(PONG & 0x7f, b"fragment1"), frame(ENDS, b"fragment2")], &[]);
    fails("a close", &[frame(CLOSE & 0x7f, b""), frame(ENDS, b"")], &[]);
}

#[test]
fn messages_come_in_fragments_with_control_frames_between_classes_5_3_to_5_8_and_5_19() {
    for begins in [TEXT_BEGINS, BINARY_BEGINS] {
        let (one, two) = (frame(begins, b"fragment1"), frame(ENDS, b"fragment2"));
        let (first, second) = (data(b"fragment1"), data(b"fragment2"));
        passes("5.3 to 5.5", &[one.clone(), two.clone()], &[first, second]);
        let expected = [data(b"fragment1"), ping(b"!"), data(b"fragment2")];
        passes("5.6 to 5.8", &[one, frame(PING, b"!"), two], &expected);
    }
    let frames = [
        frame(TEXT_BEGINS, b"1"),
        frame(CONTINUES, b"2"),
        frame(PING, b"pongme 1!"),
        frame(CONTINUES, b"3"),
        frame(PONG, b""),
        frame(CONTINUES, b""),
        frame(PING, b"pongme 2!"),
        frame(ENDS, b"5"),
        frame(TEXT, b"next"),
    ];
    let expected = [
        data(b"1"),
        data(b"2"),
        ping(b"pongme 1!"),
        data(b"3"),
        Received::Pong,
        data(b""),
        ping(b"pongme 2!"),
        data(b"5"),
        data(b"next"),
    ];
    passes("5.19 and 5.20", &frames, &expected);
}

#[test]
fn fragments_without_a_message_are_refused_classes_5_9_to_5_17() {
    for wrong in [ENDS, CONTINUES] {
        let text = frame(TEXT, b"text");
        fails("5.9 to 5.14", &[frame(wrong, b"non-continuation"), text.clone()], &[]);
        fails("5.16 and 5.17", &[frame(wrong, b"f"), text.clone(), frame(wrong, b"f"), text.clone()], &[]);
        let whole = [frame(TEXT_BEGINS, b"1"), frame(ENDS, b"2")];
        let frames = [&whole[..], &[frame(wrong, b"3"), text]].concat();
        fails("5.15", &frames, &[data(b"1"), data(b"2")]);
    }
}

#[test]
fn a_message_may_not_begin_within_another_class_5_18() {
    for begins in [TEXT_BEGINS, BINARY_BEGINS] {
        for wrong in [TEXT, TEXT_BEGINS, BINARY, BINARY_BEGINS] {
            fails("5.18", &[frame(begins, b"1"), frame(wrong, b"2")], &[data(b"1")]);
        }
    }
}

#[test]
fn large_messages_come_in_fragments_of_any_size_classes_9_1_to_9_6_and_10() {
    // A frame of more than a STOMP frame's length is too big; fragments are never too many.
    for length in [64, 256, 1024, 4096, 8192, 16_384].map(|kib| kib * 1024) {
        let declared = header(TEXT, Form::In64Bits, length);
        let end = (length > PAYLOAD_MAX as u64).then_some(CloseReason::TooBig);
        check(&format!("9.1 and 9.2, {length} bytes"), &[declared], &[], end);
    }
    for (case, total, fragment) in [
        ("9.3.1 and 9.4.1", 1 << 20, 64),
        ("9.3.2 and 9.4.2", 4 << 20, 256),
        ("9.3.5 and 9.4.5", 4 << 20, 16_384),
        ("9.3.6 and 9.4.6", 4 << 20, 65_536),
        ("10.1.1", 65_536, 1300),
    ] {
        let payload = vec![b'*'; total];
        let fragments: Vec<_> = payload.chunks(fragment).collect();
        let last = fragments.len() - 1;
        for (begins, continues) in [(TEXT_BEGINS, CONTINUES), (BINARY_BEGINS, CONTINUES)] {
            let first = |at| if at == 0 { begins } else { continues };
            let frames = fragments
                .iter()
                .enumerate()
                .flat_map(|(at, fragment)| frame(first(at) | if at == last { 0x80 } else { 0 }, fragment));
            let bytes: Vec<u8> = frames.collect();
            let (received, violation) = read(bytes.chunks(16_384));
            assert_eq!(violation, None, "{case}");
            assert_eq!(received.len(), fragments.len(), "{case}");
            let bytes = received.iter().map(|it| if let Received::Data(it) = it { it.len() } else { 0 });
            assert_eq!(bytes.sum::<usize>(), total, "{case}");
        }
    }
}
