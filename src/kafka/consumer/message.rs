//! A record as librdkafka holds it, read in place.
#![expect(
    unsafe_code,
    reason = "librdkafka's messages of a batch have no safe interface; each block says why it's sound"
)]

use std::{
    ffi::{CStr, c_char, c_void},
    ptr, slice,
};

use rdkafka::{bindings as rd, error::RDKafkaErrorCode, message::BorrowedMessage};

use crate::{fold::Record, market::TIME_US_MAX};

/// A record of the log, or what librdkafka has to say instead of one.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// What the pointers in it lead to lives as long.
    message: &'a rd::rd_kafka_message_t,
}

impl std::fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .finish_non_exhaustive()
    }
}

impl<'a> From<&'a BorrowedMessage<'_>> for Message<'a> {
    fn from(message: &'a BorrowedMessage<'_>) -> Self {
        // SAFETY: the pointer is valid for as long as the borrow, in which nothing is written there.
        Self { message: unsafe { &*message.ptr() } }
    }
}

impl<'a> Message<'a> {
    /// # Safety
    /// The message was given out by librdkafka, and isn't destroyed for as long as `'a` lasts.
    pub(super) const unsafe fn new(message: &'a rd::rd_kafka_message_t) -> Self {
        Self { message }
    }

    /// Its partition.
    pub const fn partition(&self) -> i32 {
        self.message.partition
    }

    /// Its offset there.
    pub fn offset(&self) -> u64 {
        u64::try_from(self.message.offset).unwrap_or(0)
    }

    /// Its key, if it has one.
    pub fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: librdkafka's key is null or so long.
        unsafe { bytes(self.message.key, self.message.key_len) }
    }

    /// Its value; `None` is a tombstone.
    pub fn value(&self) -> Option<&'a [u8]> {
        // SAFETY: librdkafka's payload is null or so long; an error's, which is text, isn't asked for here.
        unsafe { bytes(self.message.payload, self.message.len) }
    }

    /// Kafka's own time for it, in milliseconds since the Unix epoch, as the producer or the broker wrote it; `None`
    /// where there is none.
    pub fn timestamp_ms(&self) -> Option<i64> {
        let mut kind = rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid, and the kind is written to.
        let time_ms = unsafe { rd::rd_kafka_message_timestamp(self.message, &raw mut kind) };
        (kind != rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE).then_some(time_ms)
    }

    /// The epoch of the leader that wrote it; `None` where the broker doesn't tell.
    pub fn leader_epoch(&self) -> Option<i32> {
        // SAFETY: the message is valid.
        let epoch = unsafe { rd::rd_kafka_message_leader_epoch(self.message) };
        (epoch >= 0).then_some(epoch)
    }

    /// The last of the producer's headers of this name: the newest, where several hands added one.
    pub fn header(&self, name: &CStr) -> Option<&'a [u8]> {
        let headers = self.parsed_headers()?;
        let (mut value, mut len) = (ptr::null(), 0);
        // SAFETY: the headers belong to the message; value and length are written to unless there is no such header.
        let code =
            unsafe { rd::rd_kafka_header_get_last(headers, name.as_ptr(), &raw mut value, &raw mut len) };
        if code != rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        // SAFETY: librdkafka's header is null or so long, and lives as long as the message.
        unsafe { bytes(value.cast_mut(), len) }
    }

    /// The producer's headers, in order. A name that isn't UTF-8 has its wrong bytes replaced.
    pub fn headers(&self) -> impl Iterator<Item = (String, Option<&'a [u8]>)> + use<'a> {
        let headers = self.parsed_headers();
        (0..).map_while(move |index| {
            let (mut name, mut value, mut len): (*const c_char, _, _) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the headers belong to the message; all three are written to if there is such an index.
            let code = unsafe {
                rd::rd_kafka_header_get_all(headers?, index, &raw mut name, &raw mut value, &raw mut len)
            };
            if code != rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            // SAFETY: a header's name ends with NUL; its value is null or so long. Both live as long as the message.
            unsafe {
                let name = CStr::from_ptr(name).to_string_lossy().into_owned();
                Some((name, bytes(value.cast_mut(), len)))
            }
        })
    }

    /// The record as the fold knows it.
    pub fn record(&self) -> Record<'a> {
        Record {
            partition: self.partition(),
            offset: self.offset(),
            timestamp_us: microseconds(self.timestamp_ms().unwrap_or(0)),
            key: self.key(),
            value: self.value(),
            content_type: self.header(c"content-type"),
        }
    }

    /// What librdkafka says instead of a record.
    pub(super) fn error(&self) -> Option<(RDKafkaErrorCode, String)> {
        if self.message.err == rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        let code = RDKafkaErrorCode::from(self.message.err);
        // SAFETY: librdkafka's words for the error end with NUL, and live as long as the message.
        let words = unsafe {
            let words = rd::rd_kafka_message_errstr(self.message);
            if words.is_null() { c"" } else { CStr::from_ptr(words) }
        };
        Some((code, words.to_string_lossy().into_owned()))
    }

    fn parsed_headers(&self) -> Option<*mut rd::rd_kafka_headers_t> {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is valid. librdkafka parses its headers in place, and doesn't look at them from another
        // thread once it has given the message out; they are destroyed with it.
        let code = unsafe { rd::rd_kafka_message_headers(self.message, &raw mut headers) };
        (code == rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then_some(headers)
    }
}

/// # Safety
/// The pointer is null, or leads to so many bytes that live as long as `'a`.
unsafe fn bytes<'a>(pointer: *mut c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises.
    (!pointer.is_null()).then(|| unsafe { slice::from_raw_parts(pointer.cast::<u8>(), len) })
}

/// A producer may write any number as a record's time; it's held within what a tick's own may be.
fn microseconds(time_ms: i64) -> i64 {
    time_ms.saturating_mul(1000).clamp(0, TIME_US_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_records_time_is_one_that_can_be_reckoned_with() {
        assert_eq!(microseconds(1_732_187_000_123), 1_732_187_000_123_000);
        assert_eq!([i64::MIN, -1, 0].map(microseconds), [0; 3]);
        assert_eq!(microseconds(i64::MAX), TIME_US_MAX);
    }
}
