//! Keeps the certificate in use the one in its files.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path, sync::Arc, time::Duration};

use actix_web::rt;
use anyhow::Context;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::MissedTickBehavior,
};

use crate::{
    failure::Failure,
    metrics::ConnectionMetrics,
    transport::tls::{Certificates, TlsFiles},
};

/// How often the files are looked at: two `stat` calls, and as long as a renewal may take to be seen.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Starts to reload the pair on SIGHUP and when its files change.
///
/// # Errors
/// When signals can't be received.
pub(super) fn keep_current(
    certificates: Arc<Certificates>,
    metrics: ConnectionMetrics,
) -> Result<(), Failure> {
    let hang_up =
        signal(SignalKind::hangup()).context("signals can't be received").map_err(Failure::Unexpected)?;
    rt::spawn(watch(certificates, metrics, hang_up));
    Ok(())
}

async fn watch(certificates: Arc<Certificates>, metrics: ConnectionMetrics, mut hang_up: Signal) {
    let mut look = rt::time::interval(LOOK_INTERVAL);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut in_use = Version::of(certificates.files());
    let mut seen = in_use;
    loop {
        tokio::select! {
            _ = hang_up.recv() => {
                seen = Version::of(certificates.files());
            }
            _ = look.tick() => {
                let now = Version::of(certificates.files());
                let is_settled = now == seen;
                seen = now;
                // The two files are written one after the other.
                if now == in_use || !is_settled {
                    continue;
                }
            }
        }
        in_use = seen;
        reload(&certificates, &metrics);
    }
}

fn reload(certificates: &Certificates, metrics: &ConnectionMetrics) {
    let result = match certificates.reload() {
        Ok(()) => {
            tracing::info!(certificate = %certificates.files().certificate.display(), "TLS certificate reloaded");
            "ok"
        }
        Err(error) => {
            tracing::error!("the TLS certificate in use stays, the new one can't be used: {error}");
            "failed"
        }
    };
    metrics.tls_reloads.with_label_values(&[result]).inc();
}

/// What tells one content of the files from another, whether they were written, renamed over, or
/// reached through a symbolic link that was set anew. `None` while a file can't be reached.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version([Option<FileVersion>; 2]);

/// Device, inode, length, and the time of the last change in seconds and nanoseconds.
type FileVersion = (u64, u64, u64, i64, i64);

impl Version {
    fn of(files: &TlsFiles) -> Self {
        let of = |path: &Path| -> io::Result<FileVersion> {
            let file = fs::metadata(path)?;
            Ok((file.dev(), file.ino(), file.len(), file.ctime(), file.ctime_nsec()))
        };
        Self([of(&files.certificate).ok(), of(&files.key).ok()])
    }
}
