//! What the extra session sends, at its rate, to servers that pass on what their clients SEND.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use super::{plan::Sending, session::Session, shared::Shared};

/// What waits for the socket at most, beyond which nothing is added: then the server takes less than the rate.
const UNSENT_BYTES_MAX: usize = 1 << 20;

/// How long what is due may wait for its turn.
pub(super) const TURN: Duration = Duration::from_millis(1);

/// Sends to the symbols in turn.
#[derive(Debug)]
pub(super) struct Sender {
    sending: Sending,
    symbols: Vec<String>,
    began: Instant,
    due_before: u64,
    next: usize,
    body: Vec<u8>,
    /// Messages since it was last asked.
    pub(super) sent: u64,
}

impl Sender {
    pub(super) fn new(sending: Sending, symbols: Vec<String>, now: Instant) -> Self {
        // A destination without a symbol's place takes any.
        let symbols = if symbols.is_empty() { vec![String::new()] } else { symbols };
        Self { sending, symbols, began: now, due_before: 0, next: 0, body: Vec::new(), sent: 0 }
    }

    /// Begins to send: what was due before isn't.
    pub(super) fn begin(&mut self, now: Instant) {
        self.began = now;
    }

    /// Sends what has become due. What was due while the socket took nothing isn't made up for.
    pub(super) fn send(
        &mut self,
        session: &mut Session,
        shared: &Shared,
        now: Instant,
    ) -> Result<(), String> {
        let due = ((now - self.began).as_secs_f64() * self.sending.rate) as u64;
        for _ in self.due_before..due {
            if session.unsent_bytes() > UNSENT_BYTES_MAX {
                break;
            }
            let symbol = &self.symbols[self.next];
            self.next = (self.next + 1) % self.symbols.len();
            write_body(&mut self.body, symbol, shared, self.sending.body_bytes);
            let destination = self.sending.destination.replace("{}", symbol);
            session.say(shared, |writer| writer.send_json(&destination, &self.body));
            self.sent += 1;
        }
        self.due_before = due;
        session.flush()
    }
}

/// A body with its time under the key by which the others read it.
fn write_body(body: &mut Vec<u8>, symbol: &str, shared: &Shared, bytes: usize) {
    let age = &shared.plan.age;
    body.clear();
    let now = age.unit.of_us(shared.now_us());
    write!(body, "{{\"symbol\":\"{symbol}\",{}{now},\"pad\":\"", age.key).expect("a vector takes every byte");
    let end = b"\"}";
    body.resize(body.len().max(bytes.saturating_sub(end.len())), b'x');
    body.extend_from_slice(end);
}
