//! What holds for a tick in every format.

use super::Rejection;
use crate::market::TIME_US_MAX;

/// The largest payload that is looked at. The longest sensible tick has about 350 bytes; the rest
/// leaves room for fields that this version doesn't know.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024;

/// The longest venue, in characters. ISO 10383 codes have four.
const VENUE_LENGTH_MAX: usize = 32;

pub(super) fn check_length(payload: &[u8]) -> Result<(), Rejection> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(Rejection::TooLarge { bytes: payload.len(), limit: PAYLOAD_BYTES_MAX });
    }
    Ok(())
}

pub(super) fn check_time(time_us: i64) -> Result<i64, Rejection> {
    if (0..=TIME_US_MAX).contains(&time_us) { Ok(time_us) } else { Err(Rejection::Time) }
}

pub(super) fn check_venue(venue: &str) -> Result<&str, Rejection> {
    let is_short = (1..=VENUE_LENGTH_MAX).contains(&venue.len());
    if is_short && venue.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(venue)
    } else {
        Err(Rejection::Venue)
    }
}
