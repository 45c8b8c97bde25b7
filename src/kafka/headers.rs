//! A record's headers, whatever bytes their names are.
//!
//! rdkafka's own iterator panics at a name that isn't UTF-8, and any producer may write one: a single record would end
//! every instance, again after each restart. So the names come out as bytes here.

use std::{ffi::CStr, marker::PhantomData, ptr};

use rdkafka::{
    bindings::{rd_kafka_header_get_all, rd_kafka_headers_t, rd_kafka_message_headers, rd_kafka_resp_err_t},
    message::{BorrowedMessage, Header, OwnedHeaders},
};

use crate::quarantine;

/// A record's headers, in order.
pub(crate) struct Headers<'a> {
    /// Null if there are none.
    headers: *mut rd_kafka_headers_t,
    next: usize,
    message: PhantomData<&'a [u8]>,
}

/// The headers of a record.
#[expect(unsafe_code, reason = "the safe wrapper panics at a name that isn't UTF-8")]
pub(crate) fn headers<'a>(message: &'a BorrowedMessage<'_>) -> Headers<'a> {
    let mut headers = ptr::null_mut();
    // SAFETY: the message lives as long as the borrow. The call parses its headers on first use and keeps them in the
    // message; on an error, such as that there are none, it leaves the pointer null.
    let error = unsafe { rd_kafka_message_headers(message.ptr(), &raw mut headers) };
    if error != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        headers = ptr::null_mut();
    }
    Headers { headers, next: 0, message: PhantomData }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    #[expect(unsafe_code, reason = "the safe wrapper panics at a name that isn't UTF-8")]
    fn next(&mut self) -> Option<Self::Item> {
        if self.headers.is_null() {
            return None;
        }
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the headers are the message's own, which lives as long as `'a`; the call fills the three or fails.
        let error = unsafe {
            rd_kafka_header_get_all(self.headers, self.next, &raw mut name, &raw mut value, &raw mut size)
        };
        if error != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        self.next += 1;
        // SAFETY: a header's name is NUL-terminated, its value is null or has that size; both are the message's.
        let header = unsafe {
            let value: *const u8 = value.cast();
            let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value, size));
            (CStr::from_ptr(name).to_bytes(), value)
        };
        Some(header)
    }
}

/// Headers for a producer.
pub(crate) fn owned(headers: &[quarantine::Header]) -> OwnedHeaders {
    headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |owned, (key, value)| {
        owned.insert(Header { key, value: value.as_deref() })
    })
}
