//! Frames to bytes, but for the MESSAGEs of prices, whose shared part a publication encodes.

use bytes::Bytes;

use super::{Version, escape_into};

/// Builds one frame: command, headers, end.
#[derive(Debug)]
pub struct FrameBuilder {
    out: Vec<u8>,
    /// How headers are escaped.
    version: Version,
}

impl FrameBuilder {
    /// Begins a frame for a peer that speaks this version. CONNECT, STOMP and CONNECTED are escaped
    /// in none.
    pub fn new(command: &'static str, version: Version) -> Self {
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(command.as_bytes());
        out.push(b'\n');
        let is_escaped = !matches!(command, "CONNECT" | "STOMP" | "CONNECTED");
        Self { out, version: if is_escaped { version } else { Version::V1_0 } }
    }

    /// Goes on with a frame that [`FrameBuilder::into_head`] left.
    pub fn resume(head: &[u8], version: Version) -> Self {
        let mut out = Vec::with_capacity(head.len() + 256);
        out.extend_from_slice(head);
        Self { out, version }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        escape_into(name, self.version, &mut self.out);
        self.out.push(b':');
        escape_into(value, self.version, &mut self.out);
        self.out.push(b'\n');
        self
    }

    /// Adds a header if there is a value.
    #[must_use]
    pub fn optional(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Ends the headers for somebody else to go on: what shared tails are appended to.
    pub fn into_head(self) -> Vec<u8> {
        self.out
    }

    /// Ends a frame that has no body.
    pub fn end(mut self) -> Bytes {
        self.out.extend_from_slice(b"\n\0");
        self.out.into()
    }

    /// Ends the frame with a body, and says how long it is: it may hold any octets.
    pub fn body(self, body: &[u8]) -> Bytes {
        let mut this = self.header("content-length", itoa::Buffer::new().format(body.len()));
        this.out.push(b'\n');
        this.out.extend_from_slice(body);
        this.out.push(0);
        this.out.into()
    }

    /// Ends the frame with a body of plain text, and says so.
    pub fn text(self, body: &str) -> Bytes {
        self.header("content-type", "text/plain").body(body.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_escaped_by_version_but_never_in_connected() {
        let receipt =
            |version| FrameBuilder::new("RECEIPT", version).header("receipt-id", "a:b\n").end().to_vec();
        assert_eq!(receipt(Version::V1_2), b"RECEIPT\nreceipt-id:a\\cb\\n\n\n\0");
        assert_eq!(receipt(Version::V1_1), b"RECEIPT\nreceipt-id:a\\cb\\n\n\n\0");
        assert_eq!(receipt(Version::V1_0), b"RECEIPT\nreceipt-id:a:b\n\n\0");
        let connected = FrameBuilder::new("CONNECTED", Version::V1_2);
        let connected = connected.header("session", "a:b").optional("x", None).end();
        assert_eq!(&connected[..], b"CONNECTED\nsession:a:b\n\n\0");
    }

    #[test]
    fn a_body_says_its_length() {
        let error = FrameBuilder::new("ERROR", Version::V1_2).header("message", "no").text("why");
        assert_eq!(&error[..], b"ERROR\nmessage:no\ncontent-type:text/plain\ncontent-length:3\n\nwhy\0");
    }
}
