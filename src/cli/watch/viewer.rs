//! What becomes of what the server says: the table on a screen, or lines.

use std::{
    cell::RefCell,
    io::{self, BufWriter, Stdout, Write as _},
    time::{Duration, Instant},
};

use super::{
    connection::Listener,
    lines,
    message::Message,
    render::{Link, Status, render, rows_of},
    screen::{Key, Screen},
    table::Table,
};
use crate::{client::Frame, clock::now_us};

/// How what is watched is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Screen { has_colours: bool },
    Plain,
    Json,
}

/// Between two drawings: as often as anybody can read.
pub(super) const REDRAW: Duration = Duration::from_millis(100);

/// Ages grow while nothing else happens.
const REDRAW_IDLE: Duration = Duration::from_secs(1);

pub(super) struct Viewer {
    out: Out,
    status: Status,
    table: Table,
    /// The row that stands first.
    first: usize,
    /// Since when messages are counted, and how many.
    counted: (Instant, u64),
    drawn: Instant,
    has_changed: bool,
    has_opened: bool,
    /// Messages that are still wanted, if not all.
    left: Option<u64>,
    /// Nobody reads any more, or it can't be written.
    failed: Option<io::Error>,
}

enum Out {
    Screen(Screen),
    Lines { out: BufWriter<Stdout>, is_json: bool },
}

#[derive(serde::Deserialize)]
struct Feed {
    status: String,
}

impl Viewer {
    /// Takes over what it writes to.
    pub(super) fn open(
        form: Form,
        server: String,
        count: Option<u64>,
        now: Instant,
    ) -> io::Result<RefCell<Self>> {
        let lines = |is_json| Out::Lines { out: BufWriter::new(io::stdout()), is_json };
        let out = match form {
            Form::Screen { has_colours } => Out::Screen(Screen::open(has_colours)?),
            Form::Plain => lines(false),
            Form::Json => lines(true),
        };
        Ok(RefCell::new(Self {
            out,
            status: Status { server, ..Status::default() },
            table: Table::default(),
            first: 0,
            counted: (now, 0),
            drawn: now.checked_sub(REDRAW_IDLE).unwrap_or(now),
            has_changed: true,
            has_opened: false,
            left: count,
            failed: None,
        }))
    }

    /// The connection was lost; it's tried again after a while.
    pub(super) fn lost(&mut self, reason: &str, again_in: Duration) {
        let seconds = again_in.as_secs_f64().ceil() as u64;
        self.tell(&format!("{reason}; trying again in {seconds} s"));
        // Who it is stands before it already.
        let reason =
            reason.strip_prefix(&self.status.server).and_then(|it| it.strip_prefix(": ")).unwrap_or(reason);
        self.status.link = Link::Lost(reason.to_owned(), seconds);
        self.has_changed = true;
    }

    /// The connection is tried.
    pub(super) fn connecting(&mut self) {
        self.status.link = Link::Connecting;
        self.has_changed = true;
    }

    /// Whether a session has ever stood.
    pub(super) const fn has_opened(&self) -> bool {
        self.has_opened
    }

    /// Why nothing can be shown any more. A reader that closed its pipe has read enough.
    pub(super) fn failure(&mut self) -> Option<io::Error> {
        self.failed.take().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
    }

    /// Shows what is new. To be called every [`REDRAW`], and when a key was pressed.
    pub(super) fn show(&mut self, now: Instant) {
        let (since, messages) = self.counted;
        if let Some(passed) = now.checked_duration_since(since).filter(|passed| *passed >= REDRAW_IDLE) {
            self.status.messages_per_s = (messages as f64 / passed.as_secs_f64()).round() as u64;
            self.counted = (now, 0);
        }
        let is_due = self.has_changed || now.duration_since(self.drawn) >= REDRAW_IDLE;
        let shown = match &mut self.out {
            Out::Lines { out, .. } => out.flush(),
            Out::Screen(screen) if is_due => {
                (self.drawn, self.has_changed) = (now, false);
                let size = Screen::size();
                self.first = self.first.min(self.table.len().saturating_sub(rows_of(size)));
                screen.draw(&render(&self.table, &self.status, now_us(), size, self.first))
            }
            Out::Screen(_) => Ok(()),
        };
        self.note(shown);
    }

    /// Moves the table; whether the end is wanted.
    pub(super) fn press(&mut self, key: Key) -> bool {
        let page = rows_of(Screen::size()).max(1);
        self.first = match key {
            Key::End => return true,
            Key::Redraw => self.first,
            Key::Up => self.first.saturating_sub(1),
            Key::Down => self.first.saturating_add(1),
            Key::PageUp => self.first.saturating_sub(page),
            Key::PageDown => self.first.saturating_add(page),
            Key::First => 0,
            Key::Last => usize::MAX,
        };
        self.has_changed = true;
        false
    }

    /// Of the connection and the feed a screen tells above its table. Beside lines it's told where errors are.
    fn tell(&self, text: &str) {
        if matches!(self.out, Out::Lines { .. }) {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    fn take(&mut self, message: Message, body: &[u8]) {
        match &mut self.out {
            Out::Screen(_) => {
                self.table.take(message);
                self.has_changed = true;
            }
            Out::Lines { out, is_json } => {
                let line = if *is_json { lines::json(&message, body) } else { lines::plain(&message) };
                let written = writeln!(out, "{line}");
                self.note(written);
            }
        }
    }
}

impl Listener for Viewer {
    fn opened(&mut self) {
        self.tell(&format!("connected to {}", self.status.server));
        self.status.link = Link::Open;
        self.has_opened = true;
        self.has_changed = true;
    }

    fn price(&mut self, frame: &Frame<'_>) {
        if self.is_over() {
            return;
        }
        match Message::read(frame) {
            Ok(message) => {
                self.counted.1 += 1;
                self.left = self.left.map(|left| left - 1);
                self.take(message, frame.body);
            }
            Err(reason) => self.note(Err(io::Error::new(io::ErrorKind::InvalidData, reason))),
        }
    }

    fn feed(&mut self, body: &[u8]) {
        let Ok(Feed { status }) = serde_json::from_slice(body) else { return };
        self.tell(&format!("feed {status}"));
        self.status.feed = Some(status);
        self.has_changed = true;
    }

    fn is_over(&self) -> bool {
        self.failed.is_some() || self.left == Some(0)
    }
}
