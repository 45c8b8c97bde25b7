//! What is said over SockJS is what the other side reads, and what a client sends is read or refused.
#![no_main]

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use tickcast::{
    session::FrameSink,
    sockjs::{
        Assembler, Batch, Callback, Close, Due, Frame, Framing, Lasting, Link, Messages, Next, Route, Timing,
    },
};
use tickcast_fuzz::{cuts_and_bytes, pieces};

/// What a message may have: small, so that a short input can reach it.
const MESSAGE_BYTES_MAX: usize = 256;

fuzz_target!(|input: &[u8]| {
    let (cuts, bytes) = cuts_and_bytes(input);
    assemble(bytes, cuts);
    read(bytes);
    if let Ok(text) = str::from_utf8(bytes) {
        write(text, cuts);
        find(text);
    }
    link(bytes);
});

/// Fragments give the message whole, or are refused at the same length.
fn assemble(bytes: &[u8], cuts: &[u8]) {
    let fragments = pieces(bytes, cuts);
    let mut assembler = Assembler::default();
    let mut assembled = Ok(None);
    for (at, fragment) in fragments.iter().enumerate() {
        let is_last = at + 1 == fragments.len();
        assembled = assembler.push(Bytes::copy_from_slice(fragment), is_last, MESSAGE_BYTES_MAX);
        if assembled.is_err() {
            break;
        }
        assert_eq!(matches!(assembled, Ok(Some(_))), is_last);
    }
    match assembled {
        Ok(whole) => assert_eq!(whole.as_deref(), Some(bytes)),
        Err(_) => assert!(bytes.len() > MESSAGE_BYTES_MAX),
    }
}

/// A client's messages are those that any JSON reader finds, and cost no more than they have bytes.
fn read(bytes: &[u8]) {
    let array = Messages::parse_array(bytes).map(|messages| texts(&messages));
    if let Ok(expected) = serde_json::from_slice::<Vec<String>>(bytes) {
        assert_eq!(array.as_ref(), Ok(&expected));
    }
    if let Ok(messages) = &array {
        assert!(messages.iter().map(String::len).sum::<usize>() <= bytes.len());
        assert_eq!(Messages::parse_any(bytes).map(|messages| texts(&messages)).as_ref(), Ok(messages));
    }
    if let (Ok(any), Err(_)) = (Messages::parse_any(bytes), &array) {
        assert!(any.len() <= 1, "what is no array is one string, or nothing");
    }
}

fn texts(messages: &Messages) -> Vec<String> {
    (0..messages.len()).map(|at| messages.get(at).expect("there are so many").to_owned()).collect()
}

/// A session's frames come out of the batch as they went in, in every form of answer.
fn write(text: &str, cuts: &[u8]) {
    // Parts end between characters, as a session's do.
    let parts: Vec<&str> = text.split_inclusive('\n').collect();
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    let count = cuts.first().map_or(1, |count| usize::from(count % 4) + 1);
    let mut batch = Batch::default();
    for _ in 0..count {
        batch.frame(&parts);
    }
    let frame = batch.take_messages().expect("there are frames");
    assert!(batch.take_messages().is_none(), "messages are given once");
    let json = frame.strip_prefix(b"a").expect("messages are an a-frame");
    assert_eq!(serde_json::from_slice::<Vec<String>>(json).expect("JSON"), vec![text; count]);
    check_forms(&frame);

    let mut closed = BytesMut::new();
    Frame::Close(Close::new(4999, text)).write(&mut closed);
    let json = closed.strip_prefix(b"c").expect("a close is a c-frame");
    let (code, reason): (u16, String) = serde_json::from_slice(json).expect("JSON");
    assert_eq!((code, reason.as_str()), (4999, text));
    check_forms(&closed);
}

/// Whatever a frame says, it can't get out of what it stands in.
fn check_forms(frame: &BytesMut) {
    assert!(!frame.iter().any(|byte| *byte < 0x20), "a control character would end a line or an event");
    let callback = Callback::parse(Some("cb")).expect("a callback");
    for framing in [Framing::Poll, Framing::Stream] {
        let wrapped = framing.wrap(frame.clone());
        assert_eq!(wrapped.strip_suffix(b"\n"), Some(&frame[..]));
    }
    let event = Framing::EventSource.wrap(frame.clone());
    assert_eq!(event.iter().filter(|byte| **byte == b'\n').count(), 2, "one event");
    let jsonp = Framing::Jsonp(callback.clone()).wrap(frame.clone());
    let argument = jsonp.strip_prefix(b"/**/cb(").and_then(|rest| rest.strip_suffix(b");\r\n"));
    let said: String = serde_json::from_slice(argument.expect("a call")).expect("a string");
    assert_eq!(said.as_bytes(), &frame[..]);
    let script = Framing::HtmlFile(callback).wrap(frame.clone());
    let argument = script.strip_prefix(b"<script>\np(").and_then(|rest| rest.strip_suffix(b");\n</script>\r\n"));
    let argument = argument.expect("a script");
    assert!(!argument.contains(&b'<'), "no tag begins within the script");
    let said: String = serde_json::from_slice(argument).expect("a string");
    assert_eq!(said.as_bytes(), &frame[..]);
}

/// Paths and callbacks are what they must be, or nothing.
fn find(text: &str) {
    if let Some(Route::Session { session, .. }) = Route::parse(text) {
        assert!(!session.is_empty() && !session.contains(['.', '/', ';']));
    }
    if let Ok(callback) = Callback::parse(Some(text)) {
        let is_name = |character: char| character.is_ascii_alphanumeric() || "-_.$".contains(character);
        assert!(callback.to_string().chars().all(is_name), "{text:?} would be a script");
    }
}

/// Requests come and go, time passes: no deadline is left behind, and what is over stays over.
fn link(script: &[u8]) {
    let timing = Timing {
        disconnect_delay: Duration::from_secs(5),
        heartbeat_interval: Duration::from_secs(25),
        stream_bytes_max: 1000,
    };
    let mut now = Instant::now();
    let mut link = Link::new(timing, now);
    for step in script {
        let was_over = link.is_over();
        match step % 8 {
            0 => drop(link.attach(now, Lasting::OneFrame)),
            1 => drop(link.attach(now, Lasting::ManyFrames)),
            2 => {
                let _goes_on = match link.next() {
                    Next::Frame(_) => link.given(now, 3),
                    Next::Messages => link.given_messages(now, usize::from(*step)),
                };
            }
            3 => link.interrupt(now),
            4 => link.release(now),
            5 => link.close(now, Close::new(3000, "Go away!")),
            6 => now += Duration::from_millis(u64::from(*step) * 100),
            _ => {
                // Now, or when it's time.
                if step % 2 == 0 {
                    now = link.poll_timeout().map_or(now, |at| now.max(at));
                }
                if link.handle_timeout(now, step & 0x10 == 0) == Some(Due::Forget) {
                    return;
                }
                assert!(link.poll_timeout().is_none_or(|next| next > now), "a deadline is left behind");
            }
        }
        assert!(!was_over || link.is_over(), "what is over stays over");
    }
}
