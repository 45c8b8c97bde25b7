//! A session's home: the task that keeps it between requests, gives its receivers what it says, and it what its client
//! says. It waits for commands, for its receiver, for the session, and for the next deadline.

#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::Sleep,
};

use super::registry::{Command, Outcome, Registration};
use crate::{
    actors::connection::Answers,
    session::Inbound,
    shard::Output,
    sockjs::{Batch, Close, Due, Frame, Framing, Lasting, Link, Messages, Next, Timing},
    transport::{
        application::Application,
        exchange::{Event, Supply},
        room::{Bounded, Room},
    },
};

/// Messages handed on in one turn; other sessions of the thread have theirs in between.
const MESSAGES_A_TURN: usize = 64;

/// What keeps one session.
pub struct Home<A> {
    registration: Registration,
    link: Link,
    /// Until the session is over.
    application: Option<A>,
    answers: Rc<Answers>,
    framing: Framing,
    /// The receiver has got everything before, and waits.
    is_waited_for: bool,
    sending: Option<Sending>,
    alarm: Pin<Box<Sleep>>,
    /// After what time the kernel ends connections that take nothing and are no session's.
    stuck_after: Duration,
}

/// Messages that the session takes when it can.
struct Sending {
    messages: Messages,
    next: usize,
    done: oneshot::Sender<Outcome>,
    _turn: OwnedSemaphorePermit,
}

impl<A: Application> Home<A> {
    /// Keeps a session until it's forgotten. `answers` is where the session looks for its connection; `stuck_after`
    /// holds for the last of them when nobody looks after it any more.
    pub async fn keep(
        registration: Registration,
        application: A,
        answers: Rc<Answers>,
        timing: Timing,
        stuck_after: Duration,
    ) {
        let now = Instant::now();
        let link = Link::new(timing, now);
        let mut home = Self {
            registration,
            link,
            application: Some(application),
            answers,
            framing: Framing::Poll,
            is_waited_for: false,
            sending: None,
            alarm: Box::pin(tokio::time::sleep_until(now.into())),
            stuck_after,
        };
        poll_fn(|context| home.poll(context)).await;
        home.close();
    }

    /// Does what there is to do; ready when the session is to be forgotten.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.answers.set_home(context.waker());
        loop {
            let now = Instant::now();
            let mut is_idle = !self.take_commands(now, context);
            // Who says goodbye closes its receiver right after it: what was said counts.
            is_idle &= !self.take_messages(now, context);
            is_idle &= !self.serve_receiver(now, context);
            is_idle &= !self.look_after_application(now);
            let beats = self.application.as_ref().is_some_and(Application::beats);
            match self.link.handle_timeout(now, beats) {
                Some(Due::Forget) => return Poll::Ready(()),
                None if is_idle && self.poll_alarm(context).is_pending() => return Poll::Pending,
                Some(Due::Heartbeat) | None => {}
            }
        }
    }

    /// Waits for the next deadline, if there is one; maybe not so long. Most deadlines are put off, and never come.
    fn poll_alarm(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.link.poll_timeout() else { return Poll::Pending };
        if self.alarm.is_elapsed() || self.alarm.deadline() > at.into() {
            self.alarm.as_mut().reset(at.into());
        }
        self.alarm.as_mut().poll(context)
    }

    fn take_commands(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let mut has_moved = false;
        while let Poll::Ready(Some(command)) = self.registration.commands().poll_recv(context) {
            has_moved = true;
            match *command {
                Command::Attach(supply, framing) => self.attach(now, supply, framing),
                Command::Send { messages, done, turn } => {
                    self.sending = Some(Sending { messages, next: 0, done, _turn: turn });
                }
            }
        }
        has_moved
    }

    fn attach(&mut self, now: Instant, supply: Supply, framing: Framing) {
        // The end of the last receiver's connection may be read by another thread, which is late. Whoever comes after
        // it isn't the second. If it was given its last frame, then it has read it and may have closed: nothing is lost.
        if self.answers.current().is_some_and(|supply| supply.has_hung_up()) {
            self.lose_receiver(now);
        }
        match self.link.attach(now, framing.lasting()) {
            Ok(()) => {
                self.note_written(now);
                self.note_alive(now);
                self.framing = framing;
                self.is_waited_for = false;
                self.answers.replace(Some(supply));
            }
            Err(close) => refuse(&supply, &framing, close),
        }
    }

    /// Looks what the receiver does, and gives it what there is.
    fn serve_receiver(&mut self, now: Instant, context: &Context<'_>) -> bool {
        let event = self.answers.current().map(|supply| supply.poll_event(context));
        match event {
            None | Some(Poll::Pending) => false,
            Some(Poll::Ready(Event::Wanted)) => {
                if !std::mem::replace(&mut self.is_waited_for, true) {
                    self.note_written(now);
                    self.note_taken(now);
                }
                self.give(now, context)
            }
            Some(Poll::Ready(Event::Written)) => {
                self.note_written(now);
                self.link.release(now);
                self.answers.replace(None);
                true
            }
            Some(Poll::Ready(Event::Lost)) => {
                self.lose_receiver(now);
                true
            }
        }
    }

    fn lose_receiver(&mut self, now: Instant) {
        self.look_after_application(now);
        self.link.interrupt(now);
        self.end_application(now);
        self.answers.replace(None);
    }

    /// Gives the receiver, which waits, what it's owed.
    fn give(&mut self, now: Instant, context: &Context<'_>) -> bool {
        match (self.link.next(), &self.application) {
            (Next::Frame(frame), _) => {
                let chunk = framed(&self.framing, &frame);
                let goes_on = self.link.given(now, chunk.len());
                self.hand_over(chunk, !goes_on);
                true
            }
            (Next::Messages, Some(application)) => {
                let (output, mut batch) = {
                    let supply = self.answers.current();
                    let socket = supply.as_ref().and_then(|supply| supply.socket());
                    let room = match self.framing.lasting() {
                        Lasting::OneFrame => Room::whole(socket),
                        Lasting::ManyFrames => Room::buffered(socket),
                    };
                    let mut sink = Bounded::new(Batch::default(), room);
                    (application.poll_transmit(now, &mut sink, context.waker()), sink.sink)
                };
                match output {
                    Output::Pending => false,
                    Output::Ready => {
                        self.give_batch(now, &mut batch);
                        true
                    }
                    Output::Finished => self.look_after_application(now),
                }
            }
            (Next::Messages, None) => unreachable!("a session without an application is over"),
        }
    }

    fn give_batch(&mut self, now: Instant, batch: &mut Batch) {
        let close = batch.take_close();
        if let Some(close) = close.clone() {
            self.link.close(now, close);
        }
        if let Some(messages) = batch.take_messages() {
            let chunk = self.framing.wrap(messages);
            let goes_on = self.link.given_messages(now, chunk.len());
            self.hand_over(chunk, !goes_on);
        }
        if close.is_some() {
            self.end_application(now);
        }
    }

    fn hand_over(&mut self, chunk: Bytes, is_last: bool) {
        self.is_waited_for = false;
        if let Some(application) = &self.application {
            application.note_sent(chunk.len());
            application.note_writes(1);
        }
        if let Some(supply) = self.answers.current() {
            supply.give(chunk, is_last);
        }
    }

    /// Hands on what the client says, as the session takes it.
    fn take_messages(&mut self, now: Instant, context: &Context<'_>) -> bool {
        let Some(sending) = &mut self.sending else { return false };
        let mut taken = 0;
        while let (Some(message), Some(application)) = (sending.messages.get(sending.next), &self.application)
        {
            if !application.accepts_input(context.waker()) {
                return taken > 0;
            }
            if taken == MESSAGES_A_TURN {
                context.waker().wake_by_ref();
                return false;
            }
            application.receive(now, Inbound::Data(message.as_bytes()));
            sending.next += 1;
            taken += 1;
        }
        let outcome = if sending.next == sending.messages.len() && self.application.is_some() {
            Outcome::Taken
        } else {
            Outcome::Over
        };
        if let Some(sending) = self.sending.take() {
            // Whoever asked may have gone.
            let _ = sending.done.send(outcome);
        }
        true
    }

    /// A session may end while nobody receives.
    fn look_after_application(&mut self, now: Instant) -> bool {
        let Some(close) = self.application.as_ref().and_then(Application::closed) else { return false };
        self.link.close(now, close);
        self.end_application(now);
        true
    }

    fn end_application(&mut self, now: Instant) {
        if let Some(application) = self.application.take() {
            application.end(now);
        }
    }

    fn note_written(&self, now: Instant) {
        if let Some(application) = &self.application {
            application.note_written(now);
        }
    }

    /// The kernel takes more, which it does for a while also when the client is gone.
    fn note_taken(&self, now: Instant) {
        if let Some(application) = &self.application {
            application.note_taken(now);
        }
    }

    /// A request is as good as an answer to a PING.
    fn note_alive(&self, now: Instant) {
        if let Some(application) = &self.application {
            application.receive(now, Inbound::Pong);
        }
    }

    /// Forgets the session. What comes in this moment is told that it's over.
    fn close(mut self) {
        let now = Instant::now();
        self.registration.close();
        self.link.close(now, Close::interrupted());
        self.end_application(now);
        if let Some(supply) = self.answers.current() {
            supply.leave(self.stuck_after);
        }
        self.answers.replace(None);
        while let Ok(command) = self.registration.commands().try_recv() {
            match *command {
                Command::Attach(supply, framing) => refuse(&supply, &framing, Close::interrupted()),
                Command::Send { done, .. } => tell_over(done),
            }
        }
        if let Some(sending) = self.sending {
            tell_over(sending.done);
        }
    }
}

impl<A> fmt::Debug for Home<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").field("link", &self.link).finish_non_exhaustive()
    }
}

fn framed(framing: &Framing, frame: &Frame) -> Bytes {
    let mut text = BytesMut::new();
    frame.write(&mut text);
    framing.wrap(text)
}

fn tell_over(done: oneshot::Sender<Outcome>) {
    // Whoever asked may have gone.
    let _ = done.send(Outcome::Over);
}

/// All that this receiver will ever get.
fn refuse(supply: &Supply, framing: &Framing, close: Close) {
    supply.give(framed(framing, &Frame::Close(close)), true);
}
