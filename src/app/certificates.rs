//! Keeps the certificate in use the one in its files.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path, sync::Arc, time::Duration};

use actix_web::rt;
use tokio::{signal::unix::Signal, time::MissedTickBehavior};

use crate::{
    metrics::ConnectionMetrics,
    transport::tls::{Certificates, TlsFiles},
};

/// How often the files are looked at: two `stat` calls, and as long as a renewal may take to be seen.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Reloads the pair on SIGHUP and when its files change. Without TLS there is none, and a SIGHUP, which a
/// script may send to every server it renews certificates for, changes nothing.
pub(super) async fn keep_current(
    certificates: Option<Arc<Certificates>>,
    metrics: ConnectionMetrics,
    mut hang_up: Signal,
) {
    match certificates {
        Some(certificates) => watch(certificates, metrics, hang_up).await,
        None => {
            while hang_up.recv().await.is_some() {
                tracing::info!(signal = "SIGHUP", "there is no TLS certificate to reload");
            }
        }
    }
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
