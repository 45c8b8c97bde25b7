//! STOMP frames and WebSocket messages are cut independently, and a frame goes on in a message of the other kind.

use super::raw::{BINARY, PING, TEXT, check, echo, echo_frame, frame, passes};
use crate::support::Server;

/// Characters of one byte to four.
const RECEIPT: &str = "aß€\u{24b62}z";

#[test]
fn text_and_binary_messages_alternate_within_a_frame() {
    let server = Server::ready(&[]);
    let message = echo(RECEIPT);
    for (first, second) in [(TEXT, BINARY), (BINARY, TEXT)] {
        for count in 2..=message.chars().count() {
            let (mut messages, mut rest, mut kind) = (Vec::new(), message.as_str(), first);
            let characters = message.chars().count().div_ceil(count);
            while !rest.is_empty() {
                let cut = rest.char_indices().nth(characters).map_or(rest.len(), |(at, _)| at);
                messages.push(frame(kind, &rest.as_bytes()[..cut]));
                rest = &rest[cut..];
                kind = if kind == first { second } else { first };
            }
            let case = format!("{count} messages, the first {first:#x}");
            passes(&server, &case, &messages, &[&format!("RECEIPT {RECEIPT}")]);
        }
    }
}

#[test]
fn a_binary_message_may_end_within_a_character() {
    let server = Server::ready(&[]);
    let message = echo(RECEIPT).into_bytes();
    let expected = format!("RECEIPT {RECEIPT}");
    let cuts = 1..message.len();
    let messages: Vec<_> = cuts.clone().map(|cut| message.split_at(cut)).collect();
    let binary: Vec<_> =
        messages.iter().flat_map(|(one, two)| [frame(BINARY, one), frame(BINARY, two)]).collect();
    let receipts = vec![expected.as_str(); messages.len()];
    passes(&server, "cut once", &binary, &receipts);

    let every_byte: Vec<_> = message.iter().map(|byte| frame(BINARY, &[*byte])).collect();
    passes(&server, "one byte each", &every_byte, &[&expected]);

    // Text before and after, and a PING within the character.
    let (begin, end) = (message.len() - "\u{24b62}z\n\n\0".len(), message.len() - "z\n\n\0".len());
    for cut in begin + 1..end {
        let pieces = [
            frame(TEXT, &message[..begin]),
            frame(BINARY, &message[begin..cut]),
            frame(PING, b"within"),
            frame(BINARY, &message[cut..end]),
            frame(TEXT, &message[end..]),
        ];
        passes(&server, "within text", &pieces, &["PONG within", &expected]);
    }
}

#[test]
fn a_text_message_may_not_end_within_a_character_whatever_follows() {
    let server = Server::ready(&[]);
    let message = echo(RECEIPT).into_bytes();
    let end = message.len() - "z\n\n\0".len();
    for cut in end - 3..end {
        for rest in [TEXT, BINARY] {
            let pieces = [frame(TEXT, &message[..cut]), frame(rest, &message[cut..]), echo_frame("after")];
            check(&server, &format!("cut at {cut}, then {rest:#x}"), &pieces, &["CLOSE 1007"]);
        }
    }
}
