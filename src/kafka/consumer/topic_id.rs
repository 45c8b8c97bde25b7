//! A topic's own identity (KIP-516): what tells a topic that was deleted and made anew from the one before.
#![expect(unsafe_code, reason = "rdkafka doesn't wrap DescribeTopics; each block says why it's sound")]

use std::{
    ffi::{CStr, CString},
    ptr::{self, NonNull},
    time::Duration,
};

use rdkafka::bindings as rd;

/// No answer came, or none that another broker, or another moment, wouldn't give otherwise.
pub(super) struct NoAnswer;

/// Asks a broker for the topic's id, in base64 as Kafka's own tools print it; `None` if the broker has none to
/// tell.
///
/// # Safety
/// `client` is a live client of librdkafka.
pub(super) unsafe fn topic_id(
    client: *mut rd::rd_kafka_t,
    broker: i32,
    topic: &str,
    timeout: Duration,
) -> Result<Option<String>, NoAnswer> {
    let name = CString::new(topic).expect("a topic's name has no NUL");
    let mut names = [name.as_ptr()];
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is alive, as the caller promises. What is made here is destroyed once, by its guard, and
    // after what refers to it: guards go in the reverse order. The collection copies the name.
    unsafe {
        let queue = Guard::new(rd::rd_kafka_queue_new(client), rd::rd_kafka_queue_destroy);
        let options = Guard::new(
            rd::rd_kafka_AdminOptions_new(client, rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS),
            rd::rd_kafka_AdminOptions_destroy,
        );
        // Out of range alone would be refused, and then the client's own timeout holds.
        rd::rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout_ms, ptr::null_mut(), 0);
        // Any broker can tell; librdkafka would ask the controller, and wait where there is none.
        rd::rd_kafka_AdminOptions_set_broker(options.get(), broker, ptr::null_mut(), 0);
        let topics = Guard::new(
            rd::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), 1),
            rd::rd_kafka_TopicCollection_destroy,
        );
        rd::rd_kafka_DescribeTopics(client, topics.get(), options.get(), queue.get());
        let event = rd::rd_kafka_queue_poll(queue.get(), timeout_ms);
        if event.is_null() {
            return Err(NoAnswer);
        }
        let event = Guard::new(event, rd::rd_kafka_event_destroy);
        match rd::rd_kafka_event_error(event.get()) {
            rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => {}
            // Brokers before Kafka 2.8.
            rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE
            | rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION => return Ok(None),
            _ => return Err(NoAnswer),
        }
        let result = rd::rd_kafka_event_DescribeTopics_result(event.get());
        if result.is_null() { Err(NoAnswer) } else { first_id(result) }
    }
}

/// # Safety
/// The result is valid.
unsafe fn first_id(result: *const rd::rd_kafka_DescribeTopics_result_t) -> Result<Option<String>, NoAnswer> {
    /// How librdkafka writes the id that means none: 16 zero octets.
    const NONE: &str = "AAAAAAAAAAAAAAAAAAAAAA";
    let mut count = 0;
    // SAFETY: the result is valid, as the caller promises, and everything in it belongs to it: nothing here is
    // destroyed. A broker that doesn't know a topic that another has just told of will know it soon.
    unsafe {
        let topics = rd::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if topics.is_null() || count == 0 {
            return Err(NoAnswer);
        }
        let topic = *topics;
        let error = rd::rd_kafka_TopicDescription_error(topic);
        if !error.is_null()
            && rd::rd_kafka_error_code(error) != rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            return Err(NoAnswer);
        }
        let id = rd::rd_kafka_TopicDescription_topic_id(topic);
        if id.is_null() {
            return Ok(None);
        }
        let text = CStr::from_ptr(rd::rd_kafka_Uuid_base64str(id)).to_string_lossy().into_owned();
        Ok((text.trim_end_matches('=') != NONE).then_some(text))
    }
}

/// What C made, and how C destroys it.
struct Guard<T> {
    pointer: NonNull<T>,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Guard<T> {
    fn new(pointer: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> Self {
        let pointer = NonNull::new(pointer).expect("librdkafka ends the process when there is no memory");
        Self { pointer, destroy }
    }

    const fn get(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Guard<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from C with this as its destructor, and is dropped once.
        unsafe { (self.destroy)(self.pointer.as_ptr()) }
    }
}
