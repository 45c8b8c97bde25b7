//! Other servers than ours: a broker that takes SEND and knows no receipts' order but the specification's, and servers
//! that speak something else.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use tickcast::load::{Load, LoadError, Plan, Sending, Symbols};
use tungstenite::{
    Message, WebSocket, accept_hdr,
    handshake::server::{Request, Response},
    http::HeaderValue,
};

use crate::support::{Frame, eventually};

/// What a broker's clients said and subscribed to.
#[derive(Default)]
struct Broker {
    heard: Vec<String>,
    /// By destination: whom to tell, and their subscriptions' ids.
    subscribers: HashMap<String, Vec<(TcpStream, String)>>,
}

/// Listens on loopback and serves each connection with `serve`, on a thread of its own, until the test's end.
fn listen(serve: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    address
}

fn upgrade(stream: TcpStream) -> Option<WebSocket<TcpStream>> {
    #[expect(clippy::result_large_err, reason = "tungstenite's own type")]
    let agree = |request: &Request, mut response: Response| {
        assert_eq!(request.uri().path(), "/stomp");
        let agreed = HeaderValue::from_static("v12.stomp");
        response.headers_mut().insert("sec-websocket-protocol", agreed);
        Ok(response)
    };
    accept_hdr(stream, agree).ok()
}

/// A broker that passes on what is sent, framed as another one might: a line end before each frame.
fn serve(stream: TcpStream, broker: &Mutex<Broker>) {
    let Some(mut socket) = upgrade(stream) else { return };
    while let Ok(Message::Text(text)) = socket.read() {
        let frame = Frame::parse(&text);
        let mut broker = broker.lock().unwrap();
        broker.heard.push(text.to_string());
        match frame.command.as_str() {
            "CONNECT" => socket.send(Message::text("\nCONNECTED\nversion:1.2\n\n\0")).unwrap(),
            "SUBSCRIBE" => {
                let subscriber = (socket.get_ref().try_clone().unwrap(), frame.expect("id").to_owned());
                broker
                    .subscribers
                    .entry(frame.expect("destination").to_owned())
                    .or_default()
                    .push(subscriber);
                if let Some(receipt) = frame.header("receipt") {
                    let answer = format!("RECEIPT\nreceipt-id:{receipt}\n\n\0");
                    socket.send(Message::text(answer)).unwrap();
                }
            }
            "SEND" => {
                let destination = frame.expect("destination");
                for (stream, id) in broker.subscribers.get_mut(destination).into_iter().flatten() {
                    let body = &frame.body;
                    let text = format!("\nMESSAGE\nsubscription:{id}\ndestination:{destination}\n\n{body}\0");
                    let length = u8::try_from(text.len()).unwrap();
                    let header = if length < 126 { vec![0x81, length] } else { vec![0x81, 126, 0, length] };
                    stream.write_all(&[header, text.into_bytes()].concat()).unwrap();
                }
            }
            other => panic!("a bench says {other}"),
        }
    }
}

fn plan(server: SocketAddr) -> Plan {
    Plan {
        path: "/stomp".to_owned(),
        sessions: 4,
        subscriptions: 2,
        destination: "/topic/x.{}".to_owned(),
        symbols: Symbols::Numbered(4),
        ..Plan::new(server.to_string().parse().unwrap())
    }
}

#[test]
fn a_broker_that_takes_send_is_loaded_by_one_more_session() {
    let broker = Arc::new(Mutex::new(Broker::default()));
    let kept = Arc::clone(&broker);
    let server = listen(move |stream| serve(stream, &kept));
    let send = Sending { rate: 200.0, destination: "/topic/x.{}".to_owned(), body_bytes: 120 };
    let mut load = Load::open(Plan {
        login: Some("guest".to_owned()),
        passcode: Some("a:b".to_owned()),
        virtual_host: Some("/".to_owned()),
        send: Some(send),
        ..plan(server)
    })
    .unwrap();
    assert_eq!((load.sessions().open, load.opening().with_snapshots), (4, false));
    let report = eventually("messages come", || {
        let report = load.measure(Duration::from_millis(300)).unwrap();
        if report.messages > 8 { Ok(report) } else { Err(format!("{} messages", report.messages)) }
    });
    load.close().unwrap();

    // Each symbol has two subscribers.
    assert!(report.sent > 0 && report.sent <= 200, "{report:?}");
    let age = report.age.expect("each message tells its time");
    assert_eq!((age.count, age.ahead), (report.messages, 0));
    assert_eq!((report.held, report.disorder), (0, 0), "these messages have no seq");
    let broker = broker.lock().unwrap();
    let (connects, rest): (Vec<_>, Vec<_>) =
        broker.heard.iter().partition(|text| text.starts_with("CONNECT\n"));
    let connect = "CONNECT\naccept-version:1.2\nhost:/\nheart-beat:0,0\nlogin:guest\npasscode:a:b\n\n\0";
    assert_eq!(connects, [connect; 5]);
    let sends: Vec<_> = rest.iter().filter(|text| text.starts_with("SEND\n")).collect();
    for (number, text) in sends.iter().enumerate() {
        let frame = Frame::parse(text);
        let symbol = format!("S{}", number % 4);
        assert_eq!(frame.expect("destination"), format!("/topic/x.{symbol}"));
        assert_eq!((frame.json()["symbol"].as_str(), frame.body.len()), (Some(symbol.as_str()), 120));
        assert!(frame.json()["time_us"].as_i64().is_some_and(|time_us| time_us <= tickcast::clock::now_us()));
    }
}

/// Why nothing opens.
fn refusal(server: SocketAddr) -> String {
    match Load::open(Plan { open_deadline: Duration::from_millis(300), ..plan(server) }) {
        Err(LoadError::Server { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_speaks_no_stomp_is_told() {
    let talks = listen(|stream| {
        let Some(mut socket) = upgrade(stream) else { return };
        let _ = socket.send(Message::text("{\"type\":\"welcome\"}"));
        let _ = socket.read();
    });
    assert_eq!(
        refusal(talks),
        "the server breaks the STOMP protocol: a frame begins with no command of a server"
    );
    let is_silent = listen(|stream| {
        let Some(mut socket) = upgrade(stream) else { return };
        while socket.read().is_ok() {}
    });
    assert_eq!(refusal(is_silent), "CONNECT isn't answered after 0.3 s");
}

#[test]
fn a_server_that_speaks_no_websocket_is_told() {
    let answering = |answer: &'static [u8]| {
        refusal(listen(move |mut stream| {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer);
            // Until the other side has had enough.
            let _ = stream.read(&mut request);
        }))
    };
    assert_eq!(answering(b"SSH-2.0-OpenSSH_9.9\r\n"), "the server's answer isn't HTTP");
    assert_eq!(
        answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"),
        "the upgrade is refused with 200: hi"
    );
    let no_key = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
    assert_eq!(
        answering(no_key),
        "the server's answer to the upgrade is wrong: its header Sec-WebSocket-Accept doesn't answer the request's key"
    );
    assert_eq!(answering(b""), "the upgrade isn't answered after 0.3 s");
    let hangs_up = listen(drop);
    let reason = refusal(hangs_up);
    assert!(["the connection ended", "Connection reset by peer"].contains(&reason.as_str()), "{reason}");
}
