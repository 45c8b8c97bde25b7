//! Too much: large requests, many at once, clients that take nothing.

use super::stomp::StompClient;
use crate::support::{Feed, From, RawHttp, Server, eventually, eventually_is};

fn refused(server: &Server, reason: &str) -> f64 {
    server.metric(&format!("tickcast_upgrades_refused_total{{reason=\"{reason}\"}}"))
}

#[test]
fn what_is_sent_at_once_has_a_limit_before_it_is_read() {
    let server = Server::ready(&["--sockjs-send-limit-bytes", "10000", "--sockjs-disconnect-delay-s", "600"]);
    let mut client = StompClient::connect(&server, "xhr");
    let start = format!("POST {}/xhr_send", client.session);
    let before_kib = server.process.rss_kib();
    for declared in ["10001", "1099511627776"] {
        let mut connection = RawHttp::connect(server.address);
        connection.send(&start, &[("Content-Length", declared)], "[\"");
        let answer = connection.whole();
        assert_eq!(answer.head.status, 413, "{declared}");
        assert_eq!(answer.body, "a request may send 10000 bytes\n");
    }
    // Without a declared length it's seen on the way.
    let mut connection = RawHttp::connect(server.address);
    connection.send(&start, &[("Content-Length", "0"), ("Transfer-Encoding", "chunked")], "");
    drop(connection);
    let mut connection = RawHttp::connect(server.address);
    let chunk = format!("2000\r\n{}\r\n", "\n".repeat(0x2000));
    connection.write(
        format!("{start} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}").as_bytes(),
    );
    assert_eq!(connection.head().status, 413);
    assert_eq!(refused(&server, "send_too_big"), 3.0);
    let grown_kib = server.process.rss_kib().saturating_sub(before_kib);
    assert!(grown_kib < 8 * 1024, "{grown_kib} KiB more");
    assert_eq!(client.post(&format!("[\"{}\"]", "\\n".repeat(4998))).head.status, 204);
}

#[test]
fn a_request_that_sends_waits_until_its_session_takes_it_and_few_wait_behind_it() {
    const BEHIND: usize = 8;
    let unlimited = ["--frame-rate", "1000000", "--frame-burst", "1000000"];
    let server = Server::ready(&[&unlimited[..], &["--sockjs-disconnect-delay-s", "600"]].concat());
    let mut client = StompClient::connect(&server, "xhr");
    let start = format!("POST {}/xhr_send", client.session);
    // Receipts of 4,000 bytes: a session keeps 64 KiB of them and takes nothing more until they are asked for.
    let ask = |number: usize| format!("UNSUBSCRIBE\\nid:1\\nreceipt:{number:0>4000}\\n\\n\\u0000");
    let asks: Vec<String> = (0..30).map(|number| format!("\"{}\"", ask(number))).collect();
    let mut first = RawHttp::connect(server.address);
    first.send(&start, &[], &format!("[{}]", asks.join(",")));
    let mut behind: Vec<RawHttp> = Vec::new();
    // One more than may wait is sent away; that one may be any.
    eventually_is("somebody is sent away", &1.0, || {
        if behind.len() <= BEHIND {
            let mut connection = RawHttp::connect(server.address);
            connection.send(&start, &[], &format!("[\"{}\"]", ask(100 + behind.len())));
            behind.push(connection);
        }
        refused(&server, "too_many_sends")
    });
    for number in 0..30 {
        assert_eq!(client.frame().expect("receipt-id"), format!("{number:0>4000}"), "in order, and no loss");
    }
    assert_eq!(first.whole().head.status, 204);
    for _ in 0..BEHIND {
        client.frame();
    }
    let mut statuses: Vec<u16> = behind.iter_mut().map(|connection| connection.whole().head.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[204; BEHIND].as_slice(), &[503]].concat());
}

#[test]
fn whoever_sends_too_much_is_read_from_more_slowly() {
    let server = Server::ready(&["--frame-rate", "20", "--frame-burst", "5"]);
    let mut client = StompClient::connect(&server, "xhr_streaming");
    let asks: Vec<String> =
        (0..15).map(|number| format!("\"UNSUBSCRIBE\\nid:1\\nreceipt:{number}\\n\\n\\u0000\"")).collect();
    let begin = std::time::Instant::now();
    assert_eq!(client.post(&format!("[{}]", asks.join(","))).head.status, 204);
    // 15 frames and a burst of 5, less the CONNECT: 0.5 s for the others at 20 a second.
    assert!(begin.elapsed().as_millis() >= 400, "{:?}", begin.elapsed());
    for number in 0..15 {
        assert_eq!(client.frame().expect("receipt-id"), number.to_string());
    }
}

#[test]
fn a_stream_that_takes_nothing_is_closed_as_slow_and_forgotten() {
    let server = Server::ready(&[
        "--send-deadline-s",
        "1",
        "--sockjs-disconnect-delay-s",
        "600",
        "--sockjs-legacy-transports",
    ]);
    let feed = Feed::to(&server);
    let symbols: Vec<String> = (0..250).map(|number| format!("S{number:03}")).collect();
    let mut price = 0;
    for (closed, transport) in (0..).zip(["xhr_streaming", "eventsource", "htmlfile", "sockjs_websocket"]) {
        let from = From { receive_buffer: Some(8 * 1024), ..From::default() };
        let mut stalled = StompClient::connect_from(&server, transport, from);
        stalled.send("SUBSCRIBE\nid:1\ndestination:/topic/price.stock.*\n\n\0");
        eventually(&format!("the stalled client is closed: {transport}"), || {
            price += 1;
            feed.round(&symbols, price);
            match server.metric("tickcast_sessions_closed_total{reason=\"slow\"}") {
                slow if slow > f64::from(closed) => Ok(()),
                _ => Err(format!("open after {price} rounds")),
            }
        });
        server.await_metric(&format!("tickcast_sessions{{transport=\"{transport}\"}}"), 0.0);
        if transport == "sockjs_websocket" {
            continue;
        }
        // Whoever comes back is told.
        let start = format!("POST {}/xhr", stalled.session);
        let answer = RawHttp::connect(server.address).ask(&start, &[], "");
        assert_eq!(answer.body, "c[4500,\"nothing could be sent within the send time limit\"]\n");
    }
}

#[test]
fn sessions_opened_and_left_cost_little_and_go() {
    const OPENED: usize = 1000;
    let server = Server::ready(&["--sockjs-disconnect-delay-s", "600"]);
    // Warm up: what stays allocated for good isn't the sessions'.
    let open = |server: &Server, name: &str| {
        let answer = RawHttp::connect(server.address).ask(&format!("POST /sockjs/0/{name}/xhr"), &[], "");
        assert_eq!(answer.body, "o\n");
    };
    (0..50).for_each(|number| open(&server, &format!("warm-{number}")));
    let before_kib = server.process.rss_kib();
    (0..OPENED).for_each(|number| open(&server, &format!("left-{number}")));
    let grown_bytes = server.process.rss_kib().saturating_sub(before_kib) * 1024;
    assert_eq!(server.metric("tickcast_sessions{transport=\"xhr\"}"), (OPENED + 50) as f64);
    let each = grown_bytes / OPENED as u64;
    // Measured: 2.5 KiB.
    assert!(each < 8 * 1024, "{each} bytes a session");
}

#[test]
fn a_connection_carries_any_number_of_requests_one_after_the_other() {
    let server = Server::ready(&["--sockjs-disconnect-delay-s", "600"]);
    let client = StompClient::connect(&server, "xhr");
    let mut connection = RawHttp::connect(server.address);
    // A chunked body ends as a head does, and what it holds may look like one.
    let request = format!(
        "POST {}/xhr_send HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         4\r\n\n\n\n[\r\n6\r\n\"\\n\"]\n\r\n0\r\n\r\n",
        client.session
    );
    for number in 0..30 {
        connection.write(request.as_bytes());
        assert_eq!(connection.whole().head.status, 204, "request {number}");
    }
}
