//! A report's figures, each with its name, its unit and which way is better: what a table shows and a comparison
//! compares.

use super::{Report, ServerCost};

/// One figure of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Where it belongs in a table.
    pub group: &'static str,
    /// What it is.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: Unit,
    /// Which way is better.
    pub better: Better,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Things a second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// From 0 to 1, or above where several threads add up.
    Share,
    /// One thing in each of another.
    Each,
}

/// Which way a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Less is.
    Less,
    /// More is.
    More,
    /// It tells what was measured, not how well.
    Neither,
}

impl Report {
    /// All figures that there are, in the order of a table.
    pub fn figures(&self) -> Vec<Figure> {
        let mut figures = Figures(Vec::new());
        self.sessions(&mut figures);
        self.messages(&mut figures);
        self.ages(&mut figures);
        if let Some(server) = &self.server {
            figures.server(server, self.seconds);
        }
        figures.put("generator", "CPU time", self.generator.cpu_s, Unit::Seconds, Better::Neither);
        figures.put("generator", "share of one core", self.generator.busy, Unit::Share, Better::Neither);
        figures.0
    }

    fn sessions(&self, figures: &mut Figures) {
        const GROUP: &str = "sessions";
        let Self { load, sessions, opening, .. } = self;
        figures.put(GROUP, "asked for", load.sessions as f64, Unit::Count, Better::Neither);
        figures.put(GROUP, "stalled", load.stalled as f64, Unit::Count, Better::Neither);
        figures.put(GROUP, "subscriptions each", load.subscriptions as f64, Unit::Count, Better::Neither);
        figures.put(GROUP, "open", sessions.open as f64, Unit::Count, Better::More);
        figures.put(GROUP, "refused", sessions.refused as f64, Unit::Count, Better::Less);
        figures.put(GROUP, "lost", sessions.lost as f64, Unit::Count, Better::Less);
        figures.put("opening", "time", opening.seconds, Unit::Seconds, Better::Less);
        figures.put("opening", "sessions", opening.sessions_per_s, Unit::PerSecond, Better::More);
        if let Some(rate) = opening.sessions_per_cpu_s {
            figures.put("opening", "sessions a CPU second of the server", rate, Unit::Count, Better::More);
        }
        if let Some(bytes) = opening.rss_bytes_per_session {
            figures.put("opening", "server's memory a session", bytes, Unit::Bytes, Better::Less);
        }
    }

    fn messages(&self, figures: &mut Figures) {
        const GROUP: &str = "messages";
        figures.put(GROUP, "measured for", self.seconds, Unit::Seconds, Better::Neither);
        if self.sent > 0 {
            figures.put(GROUP, "sent", self.sent as f64, Unit::Count, Better::Neither);
        }
        figures.put(GROUP, "read", self.messages as f64, Unit::Count, Better::Neither);
        figures.put(GROUP, "read a second", self.messages_per_s, Unit::PerSecond, Better::More);
        let (min, max) = (self.messages_of_a_session_min as f64, self.messages_of_a_session_max as f64);
        figures.put(GROUP, "fewest of a session", min, Unit::Count, Better::Neither);
        figures.put(GROUP, "most of a session", max, Unit::Count, Better::Neither);
        figures.put(GROUP, "bytes a second", self.bytes_per_s, Unit::BytesPerSecond, Better::Neither);
        figures.put(GROUP, "bytes a message", self.bytes_per_message, Unit::Bytes, Better::Less);
        figures.put(GROUP, "ticks folded into others", self.conflated as f64, Unit::Count, Better::Neither);
        figures.put(GROUP, "messages a read", self.frames_per_read, Unit::Each, Better::Neither);
        figures.put(GROUP, "out of order", self.disorder as f64, Unit::Count, Better::Less);
        figures.put(GROUP, "behind at the end", self.behind as f64, Unit::Count, Better::Neither);
    }

    fn ages(&self, figures: &mut Figures) {
        let Some(age) = self.age else { return };
        for (name, value) in [
            ("50 %", age.p50_ms),
            ("90 %", age.p90_ms),
            ("99 %", age.p99_ms),
            ("99.9 %", age.p999_ms),
            ("oldest", age.max_ms),
        ] {
            figures.put("age", name, value, Unit::Milliseconds, Better::Less);
        }
        if age.ahead > 0 {
            figures.put("age", "of the future", age.ahead as f64, Unit::Count, Better::Neither);
        }
    }
}

struct Figures(Vec<Figure>);

impl Figures {
    fn put(&mut self, group: &'static str, name: &str, value: f64, unit: Unit, better: Better) {
        self.0.push(Figure { group, name: name.to_owned(), value, unit, better });
    }

    fn server(&mut self, server: &ServerCost, seconds: f64) {
        const GROUP: &str = "server";
        self.put(GROUP, "CPU time", server.cpu_s, Unit::Seconds, Better::Neither);
        if seconds > 0.0 {
            self.put(GROUP, "cores", server.cpu_s / seconds, Unit::Each, Better::Neither);
        }
        if let Some(cost) = server.cpu_us_per_message {
            self.put(GROUP, "CPU time a message", cost, Unit::Microseconds, Better::Less);
        }
        let mut threads: Vec<_> = server.threads.iter().filter(|(_, cost)| cost.cpu_s > 0.0).collect();
        threads.sort_by(|(_, a), (_, b)| b.cpu_s.total_cmp(&a.cpu_s));
        for (name, cost) in threads {
            let name = match cost.threads {
                1 => format!("thread {name}"),
                threads => format!("{threads} threads {name}"),
            };
            self.put(GROUP, &name, cost.cpu_s, Unit::Seconds, Better::Neither);
        }
        self.put(GROUP, "memory before", server.rss_before_bytes as f64, Unit::Bytes, Better::Less);
        self.put(GROUP, "memory after", server.rss_after_bytes as f64, Unit::Bytes, Better::Less);
        self.put(GROUP, "memory at most", server.rss_peak_bytes as f64, Unit::Bytes, Better::Less);
    }
}
