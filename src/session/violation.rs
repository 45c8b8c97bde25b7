//! What a client did wrong, as it's told to the client and to the metrics.

use bytes::Bytes;

use super::CloseReason;
use crate::stomp::{DecodeError, Fault, Frame, FrameBuilder, Version};

/// A mistake of the client's that ends its session: "The server MAY send ERROR frames if something
/// goes wrong. In this case, it MUST then close the connection just after sending the ERROR frame."
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// A short, stable text for programs.
    message: &'static str,
    /// What was wrong, and what is allowed, for people.
    detail: String,
    /// The `receipt` header of the frame in question.
    receipt: Option<String>,
    /// The versions that the server speaks, if that is what it's about.
    versions: Option<&'static str>,
    reason: CloseReason,
}

impl Violation {
    /// A violation of the protocol.
    pub(super) fn new(message: &'static str, detail: impl Into<String>) -> Self {
        Self { message, detail: detail.into(), receipt: None, versions: None, reason: CloseReason::Protocol }
    }

    /// Closes with another reason than [`CloseReason::Protocol`].
    #[must_use]
    pub(super) const fn closing_with(mut self, reason: CloseReason) -> Self {
        self.reason = reason;
        self
    }

    /// Tells the versions that are spoken.
    #[must_use]
    pub(super) const fn telling_versions(mut self, versions: &'static str) -> Self {
        self.versions = Some(versions);
        self
    }

    /// Belongs to this frame.
    #[must_use]
    pub(super) fn of(mut self, frame: &Frame) -> Self {
        self.receipt = frame.headers.get("receipt").map(str::to_owned);
        self
    }

    /// Why the session ends.
    pub(super) const fn reason(&self) -> CloseReason {
        self.reason
    }

    /// The ERROR frame, for a client that speaks this version.
    pub(super) fn to_frame(&self, version: Version) -> Bytes {
        FrameBuilder::new("ERROR", version)
            .header("message", self.message)
            .optional("receipt-id", self.receipt.as_deref())
            .optional("version", self.versions)
            .text(&self.detail)
    }
}

impl From<DecodeError> for Violation {
    fn from(error: DecodeError) -> Self {
        let (message, reason) = match error.fault() {
            Fault::Grammar => ("malformed frame", CloseReason::Protocol),
            Fault::Encoding => ("not UTF-8", CloseReason::NotUtf8),
            Fault::Size => ("frame too big", CloseReason::TooBig),
        };
        Self::new(message, error.to_string()).closing_with(reason)
    }
}
