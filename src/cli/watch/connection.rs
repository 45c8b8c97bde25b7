//! One connection to the server, from the name to its end. It waits for the server's bytes, and for the next beat.

use std::{
    cell::RefCell,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::{timeout, timeout_at},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};

use super::target::Target;
use crate::{
    client::{Command, Connect, Event, Frame, Reader, Subscribe, Upgrade, UpgradeError, Writer},
    destination::{Notices, PRICE_PREFIX},
    stomp::HeartBeat,
};

/// For the name, the connection, TLS, the upgrade and CONNECTED together.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// How often this side says that it's there, and wants to hear the same.
const BEAT: Duration = Duration::from_secs(10);

/// Beats that may be missed: a server that is busy for a while isn't gone.
const MISSED_BEATS: u32 = 3;

/// Silence of a server that doesn't beat. tickcast's PINGs come every 25 s.
const SILENCE: Duration = Duration::from_secs(120);

/// A read takes as much as comes at once.
const READ_BYTES: usize = 64 * 1024;

/// What is wanted of which server.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) target: Target,
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// Symbols and patterns.
    pub(super) symbols: Vec<String>,
    pub(super) headers: Vec<(String, String)>,
}

/// Takes what the server says.
pub(super) trait Listener {
    /// The session stands.
    fn opened(&mut self);

    /// A price.
    fn price(&mut self, frame: &Frame<'_>);

    /// A notice on the feed, as JSON.
    fn feed(&mut self, body: &[u8]);

    /// Whether nothing more is wanted.
    fn is_over(&self) -> bool;
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The listener has what it wanted.
    Over,
    /// It may go better the next time.
    Lost(String),
    /// It won't: the server refuses what is asked for.
    Refused(String),
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Listens until the connection's end.
pub(super) async fn listen(wanted: &Wanted, listener: &RefCell<impl Listener>) -> End {
    let late =
        || End::Lost(format!("{} doesn't answer within {} s", wanted.target, CONNECT_DEADLINE.as_secs()));
    match timeout(CONNECT_DEADLINE, open(wanted)).await {
        Err(_) => late(),
        Ok(Err(end)) => end,
        Ok(Ok((stream, answer, head_bytes))) => {
            Session::begin(wanted).run(stream, &answer[head_bytes..], listener).await
        }
    }
}

/// A WebSocket: its stream, what was read on it, and where in there it begins.
async fn open(wanted: &Wanted) -> Result<(Box<dyn Stream>, Vec<u8>, usize), End> {
    let Wanted { target, tls, .. } = wanted;
    let lost = |error: io::Error| End::Lost(format!("{target}: {}", in_words(&error)));
    let tcp = TcpStream::connect((target.server.host.as_str(), target.server.port)).await.map_err(lost)?;
    tcp.set_nodelay(true).map_err(lost)?;
    let mut stream: Box<dyn Stream> = match tls {
        None => Box::new(tcp),
        Some(config) => {
            let name = ServerName::try_from(target.server.host.clone())
                .map_err(|_| End::Refused(format!("{target}: a certificate can't name that")))?;
            let connected = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await;
            Box::new(
                connected
                    .map_err(|error| refused_certificate(target, &error).unwrap_or_else(|| lost(error)))?,
            )
        }
    };
    let upgrade = Upgrade::new(&target.host(), &target.path, None, rand::random());
    stream.write_all(upgrade.request()).await.map_err(lost)?;
    let mut answer = Vec::new();
    loop {
        let read = stream.read_buf(&mut answer).await.map_err(lost)?;
        match upgrade.judge(&answer) {
            Ok(Some(head_bytes)) => return Ok((stream, answer, head_bytes)),
            Ok(None) if read == 0 => return Err(End::Lost(format!("{target}: the connection was closed"))),
            Ok(None) => {}
            Err(error) => return Err(refused_upgrade(target, &error)),
        }
    }
}

/// A busy server refuses for now; anything else stays wrong.
fn refused_upgrade(target: &Target, error: &UpgradeError) -> End {
    let text = format!("{target}{}: {error}", target.path);
    match error {
        UpgradeError::Refused { status: 429 | 502.., .. } => End::Lost(text),
        _ => End::Refused(text),
    }
}

fn refused_certificate(target: &Target, error: &io::Error) -> Option<End> {
    let inner = error.get_ref()?.downcast_ref::<tokio_rustls::rustls::Error>()?;
    Some(End::Refused(format!("{target}: {inner}")))
}

/// What the system says, without its number.
fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nobody listens there".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
            "the connection was closed".to_owned()
        }
        _ => error.to_string(),
    }
}

/// The conversation after the upgrade.
struct Session<'a> {
    wanted: &'a Wanted,
    reader: Reader,
    /// What is to be sent.
    out: Vec<u8>,
    mask: [u8; 4],
    /// How often this side beats, if that was agreed upon.
    beat: Option<Duration>,
    /// After what silence the server is taken for gone.
    silence: Duration,
    end: Option<End>,
}

impl<'a> Session<'a> {
    fn begin(wanted: &'a Wanted) -> Self {
        let (mut out, mask) = (Vec::new(), rand::random());
        Writer::new(&mut out, mask).connect(&Connect {
            host: &wanted.target.server.host,
            heart_beat: HEART_BEAT,
            ..Connect::default()
        });
        Self {
            wanted,
            reader: Reader::default(),
            out,
            mask,
            beat: None,
            silence: CONNECT_DEADLINE,
            end: None,
        }
    }

    async fn run(
        mut self,
        mut stream: Box<dyn Stream>,
        first: &[u8],
        listener: &RefCell<impl Listener>,
    ) -> End {
        self.take(first, listener);
        let mut buffer = vec![0; READ_BYTES];
        let (mut heard, mut said) = (Instant::now(), Instant::now());
        loop {
            if !self.out.is_empty() {
                let written = async { stream.write_all(&self.out).await.and(stream.flush().await) };
                if let Err(error) = written.await {
                    return self.end.unwrap_or_else(|| End::Lost(in_words(&error)));
                }
                self.out.clear();
                said = Instant::now();
            }
            if let Some(end) = self.end {
                return end;
            }
            if listener.borrow().is_over() {
                return End::Over;
            }
            let silent_at = heard + self.silence;
            let due = self.beat.map_or(silent_at, |beat| silent_at.min(said + beat));
            match timeout_at(due.into(), stream.read(&mut buffer)).await {
                Ok(Ok(0)) => return End::Lost("the connection was closed".to_owned()),
                Ok(Ok(read)) => {
                    heard = Instant::now();
                    self.take(&buffer[..read], listener);
                }
                Ok(Err(error)) => return End::Lost(in_words(&error)),
                Err(_) if Instant::now() >= silent_at => {
                    return End::Lost(format!("nothing was heard for {} s", self.silence.as_secs()));
                }
                Err(_) => Writer::new(&mut self.out, self.mask).beat(),
            }
        }
    }

    /// Takes what was read.
    fn take(&mut self, bytes: &[u8], listener: &RefCell<impl Listener>) {
        let mut reader = std::mem::take(&mut self.reader);
        let read = reader.read(bytes, |event| self.hear(event, &mut *listener.borrow_mut()));
        self.reader = reader;
        if let Err(violation) = read {
            self.end = Some(End::Refused(format!("{}: {violation}", self.wanted.target)));
        }
    }

    fn hear(&mut self, event: Event<'_>, listener: &mut impl Listener) {
        match event {
            Event::Frame(frame) => self.frame(&frame, listener),
            Event::Ping(payload) => Writer::new(&mut self.out, self.mask).pong(payload),
            Event::Close(code, reason) => {
                let end = self.end.take().unwrap_or_else(|| closed(code, reason));
                self.end = Some(end);
                Writer::new(&mut self.out, self.mask).close(code.unwrap_or(NORMAL));
            }
            Event::Beat | Event::Pong => {}
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, listener: &mut impl Listener) {
        match frame.command {
            Command::Connected => {
                let theirs =
                    frame.header("heart-beat").and_then(|text| HeartBeat::parse(&text)).unwrap_or_default();
                self.beat = HEART_BEAT.interval_towards(theirs);
                self.silence =
                    theirs.interval_towards(HEART_BEAT).map_or(SILENCE, |beat| beat * MISSED_BEATS);
                self.subscribe();
                listener.opened();
            }
            Command::Message if frame.destination == FEED.as_bytes() => listener.feed(frame.body),
            Command::Message => listener.price(frame),
            Command::Error => {
                let text = format!("{}: {}", self.wanted.target, frame.error_text());
                self.end = Some(End::Refused(text));
            }
            Command::Receipt => {}
        }
    }

    fn subscribe(&mut self) {
        let mut writer = Writer::new(&mut self.out, self.mask);
        writer.subscribe(&Subscribe { id: "feed", destination: FEED, ..Subscribe::default() });
        for (number, symbol) in self.wanted.symbols.iter().enumerate() {
            let destination = format!("{PRICE_PREFIX}{symbol}");
            let (id, headers) = (number.to_string(), &self.wanted.headers);
            writer.subscribe(&Subscribe { id: &id, destination: &destination, headers, receipt: None });
        }
    }
}

/// What a close says; contract §5.6 tells which of them end for good.
fn closed(code: Option<u16>, reason: &[u8]) -> End {
    let reason = String::from_utf8_lossy(reason);
    let text = match (code, reason.is_empty()) {
        (None, _) => "the server closed the session".to_owned(),
        (Some(code), true) => format!("the server closed the session with {code}"),
        (Some(code), false) => format!("the server closed the session with {code}, {reason}"),
    };
    match code {
        Some(1002 | 1003 | 1007..=1010 | 4401 | 4403) => End::Refused(text),
        _ => End::Lost(text),
    }
}

const HEART_BEAT: HeartBeat = HeartBeat { can_send: BEAT, wants: BEAT };

const FEED: &str = Notices::Feed.destination();

/// The status code of a normal closure.
const NORMAL: u16 = 1000;
