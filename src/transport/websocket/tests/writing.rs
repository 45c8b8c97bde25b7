//! The server's frames.

use bytes::BytesMut;

use crate::{session::FrameSink, transport::websocket::Writer};

#[test]
fn lengths_are_written_in_their_shortest_form() {
    for (length, header) in [
        (125, vec![0x81, 125]),
        (126, vec![0x81, 126, 0, 126]),
        (65_535, vec![0x81, 126, 0xff, 0xff]),
        (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let mut out = BytesMut::new();
        Writer(&mut out).frame(&[&vec![b'x'; length - 1], b"y"]);
        assert_eq!(out[..header.len()], header);
        assert_eq!(out.len(), header.len() + length);
    }
}

#[test]
fn a_close_carries_code_and_text() {
    let mut out = BytesMut::new();
    Writer(&mut out).close(4500, "slow");
    assert_eq!(&out[..], b"\x88\x06\x11\x94slow");
}

#[test]
fn pings_are_empty_and_pongs_carry_what_they_answer() {
    let mut out = BytesMut::new();
    Writer(&mut out).ping();
    Writer(&mut out).pong(b"\x00\xff");
    assert_eq!(&out[..], b"\x89\x00\x8a\x02\x00\xff");
}
