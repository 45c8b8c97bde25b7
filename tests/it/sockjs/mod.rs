//! SockJS: the protocol line by line against a server that echoes, and prices over each transport of the real one.

mod closing;
mod headers;
mod limits;
mod overload;
mod pages;
mod polling;
mod prices;
mod stalled;
mod stomp;
mod streaming;
mod websocket;

#[path = "../../sockjs_echo/echo.rs"]
mod echo;

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use actix_web::{dev::ServerHandle, rt};

use self::echo::Options;
use crate::support::{RawHttp, Whole, ask};

/// The services that the protocol's tests need, in this process.
struct EchoServer {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl EchoServer {
    fn start() -> Self {
        Self::with(Options::default())
    }

    /// Time-outs that a test can wait for.
    fn hasty() -> Self {
        let disconnect_delay = Duration::from_millis(300);
        Self::with(Options { disconnect_delay, heartbeat_interval: Duration::from_millis(200) })
    }

    fn with(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, handle) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            rt::System::new().block_on(async move {
                // Two threads: a session's requests come to either of them.
                let server = echo::serve(listener, 2, options).unwrap();
                sender.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self { address, handle: handle.recv().unwrap(), thread: Some(thread) }
    }

    #[track_caller]
    fn get(&self, path: &str) -> Whole {
        ask(self.address, &format!("GET {path}"), &[], "")
    }

    #[track_caller]
    fn post(&self, path: &str, body: &str) -> Whole {
        ask(self.address, &format!("POST {path}"), &[], body)
    }

    /// The body of a poll that has to succeed.
    #[track_caller]
    fn poll(&self, session: &str) -> String {
        let answer = self.post(&format!("{session}/xhr"), "");
        assert_eq!(answer.head.status, 200);
        answer.body
    }

    #[track_caller]
    fn say(&self, session: &str, body: &str) {
        let answer = self.post(&format!("{session}/xhr_send"), body);
        assert_eq!((answer.head.status, answer.body.as_str()), (204, ""));
    }

    /// A streaming answer, its prelude read.
    #[track_caller]
    fn stream(&self, session: &str) -> RawHttp {
        let mut connection = RawHttp::connect(self.address);
        connection.send(&format!("POST {session}/xhr_streaming"), &[], "");
        assert_eq!(connection.head().status, 200);
        assert_eq!(connection.chunk().unwrap(), format!("{}\n", "h".repeat(2048)));
        connection
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        // The answer is a future; what it's for has happened when the thread ends.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}

/// A session's path that nobody else uses.
fn session(base: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{base}/000/session-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
