//! The naive server: what one writes with actix-ws in an afternoon.
//!
//! One worker thread; a session for each client, and one `Session::text` for each MESSAGE. It speaks as much STOMP as
//! the load generator needs, and its frames have the headers, the length and the order of ours: each with its own
//! `subscription`, the rest encoded once a symbol and copied. So what it needs more is the way from the frame to the
//! socket: a channel, a task and actix's buffers. It makes its prices itself, at the pulses it's asked for, which is in
//! its favour: ours are read from Kafka.

use std::{
    cell::RefCell,
    fmt::Write as _,
    io::BufRead as _,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use actix_ws::{AggregatedMessage, Session};
use anyhow::Result;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use tickcast::clock::now_us;
use tokio::sync::mpsc;

use crate::{
    limit::say,
    process::Process,
    stomp::{connected, header, message_tail},
    system::Side,
};

/// What is to be sent.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Pulses {
    /// Pulses a second.
    pub(crate) per_s: f64,
    /// How many pulses. Each has one state of every symbol.
    pub(crate) count: u32,
}

/// A running naive server.
pub(crate) struct Naive {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Naive {
    /// Starts it.
    pub(crate) fn start() -> Result<Self> {
        let process = Process::role("naive", &[], Side::Server)?;
        let port: u16 = process.line_after("port")?.parse()?;
        Ok(Self { process, address: (Ipv4Addr::LOCALHOST, port).into() })
    }

    /// Begins to send. [`Naive::await_end`] waits until all is sent.
    pub(crate) fn begin(&mut self, pulses: Pulses) -> Result<()> {
        self.process.tell(&serde_json::to_string(&pulses)?)
    }

    /// Waits until all that was begun is sent.
    pub(crate) fn await_end(&self) -> Result<()> {
        self.process.line_after("sent").map(drop)
    }
}

/// One client, and what it subscribed to: a frame's beginning, and the symbol.
struct Client {
    session: Session,
    subscriptions: Vec<(String, String)>,
}

type Clients = Rc<RefCell<Vec<Rc<RefCell<Client>>>>>;

thread_local! {
    /// There is one worker thread.
    static CLIENTS: Clients = Rc::default();
}

/// The role of the server.
pub(crate) fn serve() -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let (asked, asks) = mpsc::unbounded_channel();
    let asks = Arc::new(Mutex::new(Some(asks)));
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let pulses = serde_json::from_str(&line).expect("the harness asks for pulses");
            if asked.send(pulses).is_err() {
                break;
            }
        }
    });
    rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            if let Some(asks) = asks.lock().expect("nothing panics under the lock").take() {
                rt::spawn(pulse(asks));
            }
            App::new().route("/ws", web::get().to(open))
        })
        .workers(1)
        // As our server has them.
        .tcp_nodelay(true)
        .max_connections(25_000)
        .max_connection_rate(25_000)
        .backlog(4096)
        .bind(("127.0.0.1", 0))?;
        say("port", &server.addrs()[0].port().to_string())?;
        Ok(server.run().await?)
    })
}

async fn open(request: HttpRequest, body: web::Payload) -> actix_web::Result<HttpResponse> {
    let (response, session, messages) = actix_ws::handle_with_protocols(&request, body, &["v12.stomp"])?;
    let client = Rc::new(RefCell::new(Client { session, subscriptions: Vec::new() }));
    CLIENTS.with(|clients| clients.borrow_mut().push(Rc::clone(&client)));
    rt::spawn(async move {
        let mut messages = messages.aggregate_continuations();
        while let Some(Ok(message)) = messages.next().await {
            let text = match message {
                AggregatedMessage::Text(text) => text.to_string(),
                AggregatedMessage::Binary(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                AggregatedMessage::Ping(payload) => {
                    let mut session = client.borrow().session.clone();
                    let _ = session.pong(&payload).await;
                    continue;
                }
                AggregatedMessage::Pong(_) => continue,
                AggregatedMessage::Close(_) => break,
            };
            for frame in text.split('\0') {
                take(&client, frame.trim_start()).await;
            }
        }
        CLIENTS.with(|clients| clients.borrow_mut().retain(|other| !Rc::ptr_eq(other, &client)));
    });
    Ok(response)
}

async fn take(client: &RefCell<Client>, frame: &str) {
    let mut session = client.borrow().session.clone();
    if frame.starts_with("CONNECT") || frame.starts_with("STOMP") {
        let _ = session.text(connected()).await;
    } else if frame.starts_with("SUBSCRIBE")
        && let (Some(id), Some(destination)) = (header(frame, "id"), header(frame, "destination"))
    {
        let symbol = destination.rsplit_once("price.stock.").map_or("", |(_, symbol)| symbol);
        let head = |kind| format!("MESSAGE\nsubscription:{id}\n{kind}");
        // The generator waits for a snapshot of each.
        let snapshot = head("type:snapshot\n") + &message_tail(symbol, 1, now_us());
        let update = head("type:update\nconflated:1\n");
        client.borrow_mut().subscriptions.push((update, symbol.to_owned()));
        let _ = session.text(snapshot).await;
        if let Some(receipt) = header(frame, "receipt") {
            let _ = session.text(format!("RECEIPT\nreceipt-id:{receipt}\n\n\0")).await;
        }
    }
}

/// Sends what is asked for, one request after the other.
async fn pulse(mut asks: mpsc::UnboundedReceiver<Pulses>) {
    let clients = CLIENTS.with(Rc::clone);
    let mut seq = 1;
    while let Some(Pulses { per_s, count }) = asks.recv().await {
        let mut interval = rt::time::interval(Duration::from_secs_f64(1.0 / per_s));
        for _ in 0..count {
            interval.tick().await;
            seq += 1;
            let all = clients.borrow().clone();
            send(&all, seq).await;
        }
        say("sent", "").expect("the harness listens");
    }
}

async fn send(clients: &[Rc<RefCell<Client>>], seq: u64) {
    // Each symbol's headers and body are the same for all.
    let mut tails = std::collections::HashMap::<String, String>::new();
    for client in clients {
        let mut session = client.borrow().session.clone();
        let count = client.borrow().subscriptions.len();
        for at in 0..count {
            let frame = {
                let (head, symbol) = &client.borrow().subscriptions[at];
                let tail = match tails.get(symbol) {
                    Some(tail) => tail,
                    None => tails.entry(symbol.clone()).or_insert(message_tail(symbol, seq, now_us())),
                };
                let mut frame = String::with_capacity(head.len() + tail.len());
                write!(frame, "{head}{tail}").expect("a string takes all");
                frame
            };
            if session.text(frame).await.is_err() {
                break;
            }
        }
    }
}
