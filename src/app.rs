//! The composition root.

use crate::{config, failure::Failure};

/// Serves until told to stop.
///
/// # Errors
/// See [`Failure`].
pub fn serve(config: config::Serve) -> Result<(), Failure> {
    tracing::info!(?config, "serve");
    drop(config);
    Ok(())
}

/// Serves a simulated market until told to stop.
///
/// # Errors
/// See [`Failure`].
pub fn demo(config: config::Demo) -> Result<(), Failure> {
    tracing::info!(?config, "demo");
    drop(config);
    Ok(())
}
