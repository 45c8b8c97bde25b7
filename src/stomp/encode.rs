//! The server's frames, but for the MESSAGEs of prices, whose shared part a publication encodes.

use bytes::Bytes;

use super::escape_into;

/// Builds one frame: command, headers, end.
#[derive(Debug)]
pub struct FrameBuilder {
    out: Vec<u8>,
    is_escaped: bool,
}

impl FrameBuilder {
    /// Begins a frame of the server's: `CONNECTED`, `RECEIPT`, `ERROR` or `MESSAGE`.
    pub fn new(command: &'static str) -> Self {
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(command.as_bytes());
        out.push(b'\n');
        Self { out, is_escaped: command != "CONNECTED" }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if self.is_escaped {
            escape_into(name, &mut self.out);
            self.out.push(b':');
            escape_into(value, &mut self.out);
        } else {
            self.out.extend_from_slice(name.as_bytes());
            self.out.push(b':');
            self.out.extend_from_slice(value.as_bytes());
        }
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

    /// Ends the frame with a body of plain text, and says so.
    pub fn text(self, body: &str) -> Bytes {
        let mut this = self
            .header("content-type", "text/plain")
            .header("content-length", itoa::Buffer::new().format(body.len()));
        this.out.push(b'\n');
        this.out.extend_from_slice(body.as_bytes());
        this.out.push(0);
        this.out.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_escaped_but_in_connected() {
        let receipt = FrameBuilder::new("RECEIPT").header("receipt-id", "a:b\n").end();
        assert_eq!(&receipt[..], b"RECEIPT\nreceipt-id:a\\cb\\n\n\n\0");
        let connected = FrameBuilder::new("CONNECTED").header("session", "a:b").optional("x", None).end();
        assert_eq!(&connected[..], b"CONNECTED\nsession:a:b\n\n\0");
        let error = FrameBuilder::new("ERROR").header("message", "no").text("why");
        assert_eq!(&error[..], b"ERROR\nmessage:no\ncontent-type:text/plain\ncontent-length:3\n\nwhy\0");
    }
}
