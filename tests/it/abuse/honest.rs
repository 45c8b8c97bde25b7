//! Somebody honest: gets prices while others attack, and notices when one takes long.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::support::{Client, Feed, Server, eventually};

/// Between two prices.
const PACE: Duration = Duration::from_millis(10);

/// From a price's publishing to its arrival: far above what a busy machine adds, far below a deadline.
const GAP_MAX: Duration = Duration::from_secs(2);

/// A client that gets prices, one after the other, until it's asked how long they took.
pub(super) struct Honest {
    stop: mpsc::Sender<()>,
    got: Arc<AtomicU64>,
    thread: JoinHandle<Duration>,
}

impl Honest {
    pub(super) fn start(server: &Server) -> Self {
        let feed = Feed::to(server);
        let mut client = Client::connect(server);
        client.subscribe("1", "HONEST");
        let (stop, stopped) = mpsc::channel();
        let got = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&got);
        let thread = std::thread::spawn(move || {
            let mut longest = Duration::ZERO;
            let mut price = 0;
            while stopped.recv_timeout(PACE) == Err(mpsc::RecvTimeoutError::Timeout) {
                price += 1;
                let published = Instant::now();
                let seq = feed.tick("HONEST", &format!(r#""price":{price}"#));
                assert_eq!(client.frame().seq(), seq, "no price is missed");
                longest = longest.max(published.elapsed());
                count.fetch_add(1, Ordering::Relaxed);
            }
            longest
        });
        Self { stop, got, thread }
    }

    /// Does something again and again until so many prices have come.
    pub(super) fn while_it_gets(&self, prices: u64, mut act: impl FnMut()) {
        let enough = self.got.load(Ordering::Relaxed) + prices;
        eventually("prices come", || {
            act();
            let got = self.got.load(Ordering::Relaxed);
            if got >= enough { Ok(()) } else { Err(format!("{got} of {enough}")) }
        });
    }

    /// Every price came, and none of them took long.
    #[track_caller]
    pub(super) fn assert_undisturbed(self) {
        drop(self.stop);
        let longest = self.thread.join().expect("prices come to the end");
        assert!(longest < GAP_MAX, "a price took {longest:?}");
        assert!(self.got.load(Ordering::Relaxed) > 0);
    }
}
