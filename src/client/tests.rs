//! The three parts against bytes as servers send them, cut anywhere.

use proptest::prelude::*;

use super::{
    Command, Connect, Event, FRAME_BYTES_MAX, Reader, Subscribe, Upgrade, UpgradeError, Violation, Writer,
};
use crate::stomp::HeartBeat;

/// A server's WebSocket frame.
fn framed(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(length as u8),
        length @ 126..0x1_0000 => {
            bytes.push(126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

fn text(payload: &str) -> Vec<u8> {
    framed(0x81, payload.as_bytes())
}

/// What a reader gives for these reads, in words.
fn told(reads: &[&[u8]]) -> Result<Vec<String>, Violation> {
    let mut reader = Reader::default();
    let mut told = Vec::new();
    for bytes in reads {
        reader.read(bytes, |event| told.push(word(event)))?;
    }
    Ok(told)
}

fn word(event: Event<'_>) -> String {
    let lossy = |bytes| String::from_utf8_lossy(bytes).into_owned();
    match event {
        Event::Frame(frame) => format!(
            "{:?} {} {} {} {:?} +{} {}",
            frame.command,
            lossy(frame.subscription),
            lossy(frame.destination),
            lossy(frame.kind),
            frame.seq,
            frame.conflated,
            lossy(frame.body)
        ),
        Event::Beat => "beat".to_owned(),
        Event::Ping(payload) => format!("ping {}", lossy(payload)),
        Event::Pong => "pong".to_owned(),
        Event::Close(code, reason) => format!("close {code:?} {}", lossy(reason)),
    }
}

const PRICE: &str = "MESSAGE\nsubscription:7\ntype:update\nconflated:3\nmessage-id:0-12\n\
                     destination:/topic/price.stock.A\ncontent-type:application/json\ncontent-length:9\nseq:12\n\
                     epoch:e\n\n{\"a\":\"\0\"}\0";

/// Everything a server says, and what it means.
fn conversation() -> (Vec<u8>, Vec<String>) {
    let long = format!("MESSAGE\r\nsubscription:1\r\ndestination:d\r\n\r\n{}\0", "x".repeat(70_000));
    let bytes = [
        text("CONNECTED\nversion:1.2\n\n\0"),
        text(PRICE),
        text("\n"),
        framed(0x89, b"are you there"),
        // In three fragments, with a PING between two of them.
        framed(0x01, &PRICE.as_bytes()[..50]),
        framed(0x00, &PRICE.as_bytes()[50..60]),
        framed(0x89, b""),
        framed(0x80, &PRICE.as_bytes()[60..]),
        // Two frames and a beat in one binary message; one frame in two messages.
        framed(0x82, format!("{PRICE}\n{PRICE}").as_bytes()),
        text(&PRICE[..100]),
        text(&PRICE[100..]),
        text(&long),
        framed(0x8a, b""),
        text("RECEIPT\nreceipt-id:r\n\n\0"),
        framed(0x88, b"\x03\xe8bye"),
    ]
    .concat();
    let price = "Message 7 /topic/price.stock.A update Some(12) +3 {\"a\":\"\0\"}";
    let long = format!("Message 1 d  None +0 {}", "x".repeat(70_000));
    let told = [
        "Connected    None +0 ",
        price,
        "beat",
        "ping are you there",
        "ping ",
        price,
        price,
        "beat",
        price,
        price,
        &long,
        "pong",
        "Receipt    None +0 ",
        "close Some(1000) bye",
    ];
    (bytes, told.map(str::to_owned).to_vec())
}

#[test]
fn every_frame_is_read_when_all_bytes_come_at_once() {
    let (bytes, expected) = conversation();
    assert_eq!(told(&[&bytes]).unwrap(), expected);
}

#[test]
fn every_frame_is_read_when_bytes_come_one_by_one() {
    let (bytes, expected) = conversation();
    assert_eq!(told(&bytes.chunks(1).collect::<Vec<_>>()).unwrap(), expected);
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_frames(cuts in prop::collection::vec(0..71_000_usize, 0..40)) {
        let (bytes, expected) = conversation();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let reads: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        prop_assert_eq!(told(&reads).unwrap(), expected);
    }

    #[test]
    fn no_bytes_at_all_make_it_panic(reads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6)) {
        let reads: Vec<_> = reads.iter().map(Vec::as_slice).collect();
        let _ = told(&reads);
    }

    #[test]
    fn no_stomp_bytes_at_all_make_it_panic(payload in "(MESSAGE|ERROR|\n)\n([a-z]{0,3}:?[0-9\\\\]{0,3}\n){0,3}\n?.{0,4}\0?") {
        let _ = told(&[&text(&payload)]);
    }
}

#[test]
fn what_is_neither_websocket_nor_stomp_is_an_error() {
    let websocket = |detail| Err(Violation::Websocket(detail));
    let stomp = |detail| Err(Violation::Stomp(detail));
    let huge = [&[0x82, 127][..], &(FRAME_BYTES_MAX as u64 + 1).to_be_bytes()].concat();
    let half = framed(0x82, &vec![b'x'; FRAME_BYTES_MAX / 2 + 1]);
    let message = framed(0x82, b"MESSAGE\na:");
    for (bytes, expected) in [
        (b"HTTP/1.1 400".to_vec(), websocket("a reserved bit is set though no extension was agreed on")),
        (vec![0x81, 0x80], websocket("a frame is masked")),
        (framed(0x83, b""), websocket("an opcode is unknown")),
        (framed(0x80, b""), websocket("a fragment has no message to continue")),
        ([framed(0x01, b""), text("")].concat(), websocket("a message begins within another")),
        (framed(0x09, b""), websocket("a control frame is fragmented or too long")),
        (framed(0x89, &[0; 126]), websocket("a control frame is fragmented or too long")),
        (huge, Err(Violation::TooBig)),
        ([message, half.clone(), half].concat(), Err(Violation::TooBig)),
        (text("{\"type\":\"welcome\"}"), stomp("a frame begins with no command of a server")),
        (text("message\n\n\0"), stomp("a frame begins with no command of a server")),
        (text("MESSAGE\nno colon\n\n\0"), stomp("a header line has no colon")),
        (text("MESSAGE\ncontent-length:x\n\n\0"), stomp("a content-length isn't a whole number")),
        (
            text("MESSAGE\ncontent-length:1\n\nab\0"),
            stomp("a body doesn't end with NUL after content-length bytes"),
        ),
    ] {
        let begin = bytes[..bytes.len().min(20)].to_vec();
        assert_eq!(told(&[&bytes]), expected, "{begin:?}");
    }
}

#[test]
fn nothing_is_read_after_a_close() {
    let bytes = [framed(0x88, b""), text(PRICE)].concat();
    assert_eq!(told(&[&bytes, &bytes]).unwrap(), ["close None "]);
}

#[test]
fn headers_are_unescaped_when_they_are_asked_for() {
    let mut told = Vec::new();
    let bytes = text("ERROR\nmessage:a\\cb\\\\\nmessage:second\nx:\\t\r\n\nwhy\nand how\0");
    Reader::default()
        .read(&bytes, |event| {
            let Event::Frame(frame) = event else { panic!("{event:?}") };
            assert_eq!(frame.command, Command::Error);
            told.push(frame.header("message").unwrap().into_owned());
            // What is no escape is shown as it stands: an ERROR is to be told, not to be judged.
            told.push(frame.header("x").unwrap().into_owned());
            assert_eq!(frame.header("mess"), None);
            told.push(frame.error_text());
        })
        .unwrap();
    assert_eq!(told, ["a:b\\", "\\t", "a:b\\: why"]);
}

/// What a server reads, by the parser of another project.
fn unmasked(bytes: &[u8]) -> Vec<String> {
    let mut bytes = bytes::BytesMut::from(bytes);
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let parsed = actix_http::ws::Parser::parse(&mut bytes, true, 1 << 20).unwrap();
        let (is_final, opcode, payload) = parsed.expect("whole frames are written");
        assert!(is_final);
        let payload = payload.map(|it| it.to_vec()).unwrap_or_default();
        messages.push(format!("{opcode:?} {}", String::from_utf8_lossy(&payload)));
    }
    messages
}

#[test]
fn a_client_is_understood() {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, [1, 2, 3, 250]);
    writer.connect(&Connect {
        host: "h:1",
        login: Some("guest"),
        passcode: Some("a:b"),
        heart_beat: HeartBeat::parse("0,500").unwrap(),
    });
    let headers = [("max-rate".to_owned(), "0.5".to_owned())];
    writer.subscribe(&Subscribe { id: "0", destination: "/a:b", headers: &headers, receipt: Some("r") });
    writer.unsubscribe("0", None);
    writer.send_json("/d", b"{}");
    writer.ack("m");
    writer.pong(b"payload");
    writer.beat();
    writer.disconnect(Some("d"));
    writer.send_json("/long", "x".repeat(70_000).as_bytes());
    writer.close(1000);
    let long = format!(
        "Text SEND\ndestination:/long\ncontent-type:application/json\ncontent-length:70000\n\n{}\0",
        "x".repeat(70_000)
    );
    let expected = [
        "Text CONNECT\naccept-version:1.2\nhost:h:1\nheart-beat:0,500\nlogin:guest\npasscode:a:b\n\n\0",
        "Text SUBSCRIBE\nid:0\ndestination:/a\\cb\nmax-rate:0.5\nreceipt:r\n\n\0",
        "Text UNSUBSCRIBE\nid:0\n\n\0",
        "Text SEND\ndestination:/d\ncontent-type:application/json\ncontent-length:2\n\n{}\0",
        "Text ACK\nid:m\n\n\0",
        "Pong payload",
        "Text \n",
        "Text DISCONNECT\nreceipt:d\n\n\0",
        &long,
        "Close \u{3}\u{fffd}",
    ];
    assert_eq!(unmasked(&out), expected);
}

/// The nonce of RFC 6455 §1.3, and its answer's value.
const NONCE: [u8; 16] = *b"the sample nonce";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn upgrade() -> Upgrade {
    Upgrade::new("h:1", "/ws", Some("https://o"), NONCE)
}

#[test]
fn an_upgrade_is_asked_for_in_the_words_of_the_rfc() {
    let expected = "GET /ws HTTP/1.1\r\nHost: h:1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Protocol: v12.stomp\r\nOrigin: https://o\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(upgrade().request()), expected);
}

#[test]
fn an_upgrade_begins_where_its_answers_head_ends() {
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {ACCEPT}\r\nsec-websocket-protocol: v12.stomp\r\n\r\n"
    );
    let answer = [head.as_bytes(), &text("CONNECTED\n\n\0")].concat();
    assert_eq!(upgrade().judge(&answer), Ok(Some(head.len())));
    for end in 0..head.len() {
        assert_eq!(upgrade().judge(&answer[..end]), Ok(None), "{end}");
    }
    let agreed = head.replace("sec-websocket-protocol: v12.stomp\r\n", "");
    assert_eq!(upgrade().judge(agreed.as_bytes()), Ok(Some(agreed.len())), "nothing needs to be agreed on");
    for (right, wrong, name) in [
        ("upgrade: WebSocket", "upgrade: h2c", "Upgrade"),
        (ACCEPT, "x", "Sec-WebSocket-Accept"),
        ("v12.stomp", "mqtt", "Sec-WebSocket-Protocol"),
        ("connection:", "sec-websocket-extensions: permessage-deflate\r\nconnection:", "extension"),
    ] {
        let error = upgrade().judge(head.replace(right, wrong).as_bytes()).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_refused_upgrade_says_why() {
    let refused = |answer: &str| upgrade().judge(answer.as_bytes()).unwrap_err().to_string();
    let answer = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 5\r\n\r\nfull\n";
    for end in 0..answer.len() {
        assert_eq!(
            upgrade().judge(&answer.as_bytes()[..end]),
            Ok(None),
            "its reason is still to come: {end}"
        );
    }
    assert_eq!(refused(answer), "the upgrade is refused with 503: full");
    let page = "HTTP/1.1 404 Not Found\r\n\r\n<!doctype html>\n<html>";
    assert_eq!(refused(page), "the upgrade is refused with 404: Not Found");
    assert_eq!(refused("HTTP/1.1 200\r\n\r\n"), "the upgrade is refused with 200");
    assert_eq!(upgrade().judge(b"SSH-2.0-OpenSSH_9\r\n"), Err(UpgradeError::NotHttp));
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(20_000));
    assert_eq!(upgrade().judge(endless.as_bytes()), Err(UpgradeError::NotHttp));
}
