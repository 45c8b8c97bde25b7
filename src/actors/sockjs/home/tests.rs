//! What a session is told by its home.

use std::{cell::RefCell, convert::Infallible, net::Ipv4Addr, sync::Arc, task::Waker};

use super::*;
use crate::{
    actors::sockjs::{Claim, Entry, Registry},
    session::FrameSink,
    transport::exchange::exchange,
};

/// Says nothing, and writes down what it's told.
#[derive(Clone, Default)]
struct Silent(Rc<RefCell<Vec<String>>>);

impl Silent {
    fn told(&self) -> Vec<String> {
        self.0.take()
    }

    fn note(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }
}

impl Application for Silent {
    fn accepts_input(&self, _reader: &Waker) -> bool {
        true
    }

    fn message_bytes_max(&self) -> Option<usize> {
        None
    }

    fn receive(&self, _now: Instant, inbound: Inbound<'_>) {
        self.note(format!("{inbound:?}"));
    }

    fn poll_transmit(&self, _now: Instant, _sink: &mut impl FrameSink, _writer: &Waker) -> Output {
        Output::Pending
    }

    fn note_written(&self, _now: Instant) {}

    fn note_taken(&self, _now: Instant) {
        self.note("taken");
    }

    fn note_sent(&self, _bytes: usize) {}

    fn note_writes(&self, _count: u32) {}

    fn beats(&self) -> bool {
        false
    }

    fn closed(&self) -> Option<Close> {
        None
    }

    fn end(&self, _now: Instant) {
        self.note("end");
    }
}

fn home() -> (Arc<Entry>, Silent, Pin<Box<dyn Future<Output = ()>>>) {
    let registry = Arc::new(Registry::new(1));
    let open = || Ok::<_, Infallible>(Silent::default());
    let Ok(claim) = registry.claim("a", Ipv4Addr::LOCALHOST.into(), open);
    let Claim::New(entry, registration, silent) = claim else { panic!("nobody has opened one") };
    let timing = Timing {
        disconnect_delay: Duration::from_secs(5),
        heartbeat_interval: Duration::from_secs(25),
        stream_bytes_max: 1000,
    };
    let home = Home::keep(registration, silent.clone(), Rc::default(), timing, Duration::from_secs(10));
    (entry, silent, Box::pin(home))
}

#[tokio::test]
async fn a_request_is_a_sign_of_life_and_what_is_taken_is_told_apart() {
    let (entry, silent, mut home) = home();
    let mut context = Context::from_waker(Waker::noop());
    let (supply, receiver) = exchange(None);
    entry.command(Command::Attach(supply, Framing::Stream)).await.unwrap();
    assert!(home.as_mut().poll(&mut context).is_pending());
    assert_eq!(silent.told(), ["Pong"]);
    assert!(receiver.poll_chunk(&context).is_pending(), "the prelude is written");
    assert!(home.as_mut().poll(&mut context).is_pending());
    assert_eq!(silent.told(), ["taken"]);
    assert!(receiver.poll_chunk(&context).is_ready(), "the session is open");
    assert!(receiver.poll_chunk(&context).is_pending());
    assert!(home.as_mut().poll(&mut context).is_pending());
    assert_eq!(silent.told(), ["taken"]);
}

#[tokio::test]
async fn what_is_said_before_the_receiver_closes_is_heard() {
    let (entry, silent, mut home) = home();
    let mut context = Context::from_waker(Waker::noop());
    let (supply, receiver) = exchange(None);
    entry.command(Command::Attach(supply, Framing::Stream)).await.unwrap();
    assert!(home.as_mut().poll(&mut context).is_pending());
    silent.told();
    let messages = Messages::parse_array(b"[\"bye\"]").unwrap();
    let (done, outcome) = oneshot::channel();
    let turn = entry.turn().await.unwrap();
    entry.command(Command::Send { messages, done, turn }).await.unwrap();
    drop(receiver);
    assert!(home.as_mut().poll(&mut context).is_pending());
    assert_eq!(silent.told(), ["Data([98, 121, 101])", "end"]);
    assert_eq!(outcome.await, Ok(Outcome::Taken));
}
