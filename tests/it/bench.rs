//! `tickcast bench` and the engine under it, against the real server and against others.

mod command;
mod counts;
mod others;

use tickcast::load::{Plan, Report};

use crate::support::Server;

/// A plan of so many sessions for a server.
fn plan(server: &Server, sessions: usize, subscriptions: usize) -> Plan {
    let target = server.address.to_string().parse().unwrap();
    Plan { sessions, subscriptions, ..Plan::new(target) }
}

/// What a report says of its sessions: open, refused, lost.
fn sessions(report: &Report) -> (usize, u64, u64) {
    (report.sessions.open, report.sessions.refused, report.sessions.lost)
}
