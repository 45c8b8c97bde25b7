//! What happens when nothing else does.

use std::time::Duration;

use bytes::Bytes;

use super::talk::Talk;
use crate::session::{CloseReason, FrameRate, Inbound, Settings, recorder::Recorder};

#[test]
fn a_client_that_never_connects_is_told_and_closed() {
    let mut talk = Talk::begin();
    let expected = ["10 ERROR no CONNECT", "10 CLOSE 4408 no CONNECT in time", "12 ended connect_deadline"];
    assert_eq!(talk.pass(60), expected);
}

#[test]
fn heart_beats_are_sent_after_four_fifths_of_what_was_agreed() {
    check_beats("0,0", &["25 PING"]);
    check_beats("10000,0", &["25 PING"]);
    // The server's own 10 s are the larger.
    // A page doesn't hear a PING, which its browser answers.
    check_beats("0,5000", &["8 beat", "16 beat", "24 beat", "25 PING", "32 beat"]);
    check_beats("0,30000", &["24 beat", "25 PING"]);
    check_beats("0,60000", &["25 PING"]);
}

#[test]
fn a_beat_is_sent_beside_a_ping() {
    let settings = Settings { ping_interval: Duration::from_secs(8), ..Settings::default() };
    let mut talk = Talk::connected_with("0,10000", settings);
    assert_eq!(talk.pass(17), ["8 PING", "8 beat", "16 PING", "16 beat"]);
}

#[test]
fn a_frame_takes_the_place_of_a_beat() {
    let mut talk = Talk::connected("0,10000");
    assert_eq!(talk.pass(7), [""; 0]);
    talk.send("UNSUBSCRIBE\nid:1\nreceipt:r\n\n");
    assert_eq!(talk.said(), ["RECEIPT r"]);
    assert_eq!(talk.pass(8), ["15 beat"]);
}

#[test]
fn a_silent_client_is_given_up_after_the_larger_of_three_beats_and_ninety_seconds() {
    check_silence("0,0", 100);
    check_silence("20000,0", 100);
    check_silence("40000,0", 125);
    check_silence("100000,0", 300);
}

#[test]
fn two_pings_have_to_stay_unanswered_however_long_the_silence() {
    let settings = Settings { ping_interval: Duration::from_secs(80), ..Settings::default() };
    let mut talk = Talk::connected_with("0,0", settings);
    // At 160 s the silence is long enough, but only one PING stands unanswered.
    let expected = ["80 PING", "160 PING", "240 CLOSE 1001 client is silent", "242 ended silent"];
    assert_eq!(talk.pass(400), expected);
}

#[test]
fn whatever_comes_breaks_the_silence() {
    // Half a frame is as good as a whole one.
    let half = Inbound::Data(b"UNSUBSCR");
    for answer in [Inbound::Pong, Inbound::Data(b"\n"), Inbound::Ping(Bytes::new()), half] {
        let mut talk = Talk::connected("0,0");
        talk.pass(60);
        talk.receive(answer);
        talk.said();
        let expected = ["75 PING", "100 PING", "125 PING", "150 CLOSE 1001 client is silent"];
        assert_eq!(talk.pass(91), expected);
    }
}

#[test]
fn what_is_taken_breaks_the_silence_of_who_promised_no_beats_only() {
    for (heart_beat, closed_at) in [("0,0", 150), ("20000,0", 100), ("40000,0", 125)] {
        let mut talk = Talk::connected(heart_beat);
        talk.pass(60);
        talk.session.note_taken(talk.now);
        let happened = talk.pass(200);
        let closed = happened.iter().find(|said| said.contains("CLOSE 1001 client is silent"));
        // Looked at with each PING, every 25 s.
        assert_eq!(closed, Some(&format!("{closed_at} CLOSE 1001 client is silent")), "{heart_beat}");
    }
}

#[test]
fn a_socket_that_takes_nothing_for_ten_seconds_is_slow() {
    let mut talk = Talk::connected("0,10000");
    talk.send("UNSUBSCRIBE\nid:1\nreceipt:r\n\n");
    assert_eq!(talk.hand_over(), ["RECEIPT r"]);
    talk.stalled = true;
    assert_eq!(talk.session.blocked_since(), Some(talk.now));
    assert_eq!(talk.pass(60), ["10 ended slow"]);
}

#[test]
fn a_socket_that_takes_something_in_time_is_not_slow() {
    let mut talk = Talk::connected("0,0");
    for _ in 0..2 {
        talk.send("UNSUBSCRIBE\nid:1\nreceipt:r\n\n");
        talk.hand_over();
        talk.stalled = true;
        assert_eq!(talk.pass(9), [""; 0]);
        let transmitted = talk.transmit(&mut Recorder::default());
        assert_eq!(transmitted.blocked_for, Some(Duration::from_secs(9)));
        assert_eq!(talk.session.blocked_since(), None);
        talk.receive(Inbound::Pong);
    }
}

#[test]
fn pings_do_not_pile_up_for_a_client_that_takes_its_time() {
    let mut talk = Talk::connected("0,0");
    talk.send("UNSUBSCRIBE\nid:1\nreceipt:r\n\n");
    talk.hand_over();
    talk.stalled = true;
    for acknowledged in 1..40 {
        talk.session.note_progress(talk.now, acknowledged);
        assert_eq!(talk.pass(9), [""; 0]);
        talk.receive(Inbound::Pong);
    }
    assert_eq!(talk.said(), ["PING"]);
}

#[test]
fn who_has_got_everything_and_asks_for_nothing_is_not_slow() {
    let mut talk = Talk::connected("0,0");
    talk.send("UNSUBSCRIBE\nid:1\nreceipt:r\n\n");
    talk.hand_over();
    talk.stalled = true;
    talk.pass(3);
    assert_eq!(talk.session.note_written(talk.now), Some(Duration::from_secs(3)));
    assert_eq!(talk.session.note_written(talk.now), None);
    assert_eq!(talk.session.blocked_since(), None);
    assert_eq!(talk.pass(20), [""; 0]);
    assert_eq!(talk.session.closed(), None);
}

#[test]
fn there_is_time_for_the_last_word_and_then_for_its_answer() {
    let mut talk = Talk::connected("0,0");
    talk.send("UNSUBSCRIBE\nid:1\nreceipt:r\n\n");
    talk.hand_over();
    talk.stalled = true;
    talk.send("FOO\n\n");
    assert_eq!(talk.pass(5), [""; 0], "what was handed over is being read slowly");
    talk.stalled = false;
    assert_eq!(talk.said(), ["ERROR malformed frame", "CLOSE 1002 protocol error"]);
    assert_eq!(talk.pass(60), ["7 ended protocol_error"]);

    // But not for ever, whoever takes a little at a time.
    let mut talk = Talk::connected("0,0");
    talk.send("UNSUBSCRIBE\nid:1\nreceipt:r\n\n");
    talk.hand_over();
    talk.stalled = true;
    talk.send("FOO\n\n");
    talk.now += Duration::from_secs(9);
    talk.session.note_progress(talk.now, 1);
    assert_eq!(talk.pass(60)[0], "10 ended protocol_error");
}

#[test]
fn a_client_that_is_not_listened_to_is_not_called_silent() {
    let frame_rate = FrameRate { frames_per_s: 1.0, burst: 3.0 };
    let mut talk = Talk::connected_with("0,0", Settings { frame_rate, ..Settings::default() });
    talk.session.charge(200.0);
    talk.receive(Inbound::Pong);
    assert!(!talk.session.accepts_input());
    talk.pass(190);
    assert_eq!(talk.session.closed(), None);
    assert!(!talk.session.accepts_input());
}

#[test]
fn a_close_has_to_be_answered_within_two_seconds() {
    let mut talk = Talk::connected("10000,10000");
    talk.session.close(talk.now, CloseReason::Shutdown);
    assert_eq!(talk.said(), ["CLOSE 1001 server shuts down"]);
    assert_eq!(talk.pass(60), ["2 ended shutdown"]);

    let mut talk = Talk::connected("10000,10000");
    talk.session.close(talk.now, CloseReason::Shutdown);
    talk.said();
    talk.receive(Inbound::Close(None));
    assert!(talk.session.has_output(), "the end has to be noticed");
    assert_eq!(talk.said(), [""; 0]);
    assert_eq!(talk.session.closed(), Some(CloseReason::Shutdown));
    assert_eq!(talk.session.poll_timeout(), None);
}

#[test]
fn a_connection_that_is_lost_while_its_socket_is_stuck_still_meets_the_send_deadline() {
    let mut talk = Talk::connected("0,0");
    talk.send("UNSUBSCRIBE\nid:1\nreceipt:r\n\n");
    talk.hand_over();
    talk.stalled = true;
    talk.pass(4);
    // The client closed its half of the connection, and goes on reading nothing.
    talk.receive(Inbound::Lost);
    assert_eq!(talk.session.closed(), Some(CloseReason::ConnectionLost));
    let send_deadline = talk.start + Duration::from_secs(10);
    assert_eq!(talk.session.poll_timeout(), Some(send_deadline), "somebody has to abort it");
    talk.session.handle_timeout(send_deadline);
    assert_eq!(talk.session.closed(), Some(CloseReason::ConnectionLost));
}

#[track_caller]
fn check_beats(heart_beat: &str, expected: &[&str]) {
    let mut talk = Talk::connected(heart_beat);
    assert_eq!(talk.pass(35), expected, "heart-beat:{heart_beat}");
}

#[track_caller]
fn check_silence(heart_beat: &str, closed_at: u64) {
    let mut talk = Talk::connected(heart_beat);
    let mut expected: Vec<_> = (25..closed_at).step_by(25).map(|at| format!("{at} PING")).collect();
    expected.push(format!("{closed_at} CLOSE 1001 client is silent"));
    expected.push(format!("{} ended silent", closed_at + 2));
    assert_eq!(talk.pass(400), expected, "heart-beat:{heart_beat}");
}

#[test]
fn while_the_socket_takes_nothing_one_beat_waits_and_no_more() {
    let settings = Settings { send_deadline: Duration::from_secs(600), ..Settings::default() };
    let mut talk = Talk::connected_with("0,1000", settings);
    talk.send("UNSUBSCRIBE\nid:1\nreceipt:r\n\n");
    assert_eq!(talk.hand_over(), ["RECEIPT r"]);
    talk.stalled = true;
    talk.pass(24);
    assert_eq!(talk.said(), ["beat"]);
}
