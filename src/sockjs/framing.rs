//! How frames stand in the answer to a receiving request; protocol "XhrPolling" to "JsonpPolling".

use bytes::{BufMut, Bytes, BytesMut};

use super::{Callback, escape_into, link::Lasting};

/// The form of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `xhr`: one frame and a line end.
    Poll,
    /// `xhr_streaming`: each frame and a line end.
    Stream,
    /// `eventsource`: each frame is an event.
    EventSource,
    /// `htmlfile`: each frame is a script in a page that doesn't end.
    HtmlFile(Callback),
    /// `jsonp`: one frame in a script.
    Jsonp(Callback),
}

/// What makes browsers of old hand on an answer before it's whole.
const STREAM_PRELUDE: [u8; 2049] = {
    let mut prelude = [b'h'; 2049];
    prelude[2048] = b'\n';
    prelude
};

/// "The transport must first send at least 1 KiB": browsers render nothing before.
const HTML_HEAD_BYTES: usize = 1024;

impl Framing {
    /// Whether the answer ends after a frame.
    pub const fn lasting(&self) -> Lasting {
        match self {
            Self::Poll | Self::Jsonp(_) => Lasting::OneFrame,
            Self::Stream | Self::EventSource | Self::HtmlFile(_) => Lasting::ManyFrames,
        }
    }

    /// The answer's content type.
    pub const fn content_type(&self) -> &'static str {
        match self {
            Self::Poll | Self::Stream | Self::Jsonp(_) => "application/javascript; charset=UTF-8",
            Self::EventSource => "text/event-stream",
            Self::HtmlFile(_) => "text/html; charset=UTF-8",
        }
    }

    /// What comes before the first frame.
    pub fn prelude(&self) -> Option<Bytes> {
        match self {
            Self::Poll | Self::Jsonp(_) => None,
            Self::Stream => Some(Bytes::from_static(&STREAM_PRELUDE)),
            // "due to a bug in Opera".
            Self::EventSource => Some(Bytes::from_static(b"\r\n")),
            Self::HtmlFile(callback) => Some(html_head(callback)),
        }
    }

    /// A frame as it stands in the answer.
    pub fn wrap(&self, mut frame: BytesMut) -> Bytes {
        match self {
            Self::Poll | Self::Stream => {
                frame.put_u8(b'\n');
                frame.freeze()
            }
            Self::EventSource => [b"data: ", &frame[..], b"\r\n\r\n"].concat().into(),
            Self::HtmlFile(_) => {
                let mut out = BytesMut::with_capacity(frame.len() * 2);
                out.put_slice(b"<script>\np(\"");
                escape_for_html(&mut out, &frame);
                out.put_slice(b"\");\n</script>\r\n");
                out.freeze()
            }
            Self::Jsonp(callback) => {
                let mut out = BytesMut::with_capacity(frame.len() * 2);
                // Neither a script nor a picture of some other kind can begin so.
                out.put_slice(b"/**/");
                out.put_slice(callback.to_string().as_bytes());
                out.put_slice(b"(\"");
                escape_into(&mut out, &frame);
                out.put_slice(b"\");\r\n");
                out.freeze()
            }
        }
    }
}

/// As [`escape_into`], and no tag can begin in it: `</script>` would end the script.
fn escape_for_html(out: &mut BytesMut, text: &[u8]) {
    for (at, piece) in text.split(|byte| *byte == b'<').enumerate() {
        if at > 0 {
            out.put_slice(b"\\u003c");
        }
        escape_into(out, piece);
    }
}

fn html_head(callback: &Callback) -> Bytes {
    let mut page = format!(
        r#"<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.{callback};
    c.start();
    function p(d) {{c.message(d);}};
    window.onload = function() {{c.stop();}};
  </script>"#
    );
    let missing = (HTML_HEAD_BYTES + 1).saturating_sub(page.len());
    page.push_str(&" ".repeat(missing));
    page.push_str("\r\n\r\n");
    page.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(framing: &Framing, frame: &str, expected: &str) {
        assert_eq!(framing.wrap(BytesMut::from(frame)), expected);
    }

    fn callback() -> Callback {
        Callback::parse(Some("cb")).unwrap()
    }

    #[test]
    fn frames_stand_in_answers_as_the_protocol_has_them() {
        check(&Framing::Poll, "o", "o\n");
        check(&Framing::Stream, r#"a["x"]"#, "a[\"x\"]\n");
        check(&Framing::EventSource, r#"a["  \u0000\n"]"#, "data: a[\"  \\u0000\\n\"]\r\n\r\n");
        check(&Framing::HtmlFile(callback()), r#"a["x"]"#, "<script>\np(\"a[\\\"x\\\"]\");\n</script>\r\n");
        check(&Framing::Jsonp(callback()), r#"a["x"]"#, "/**/cb(\"a[\\\"x\\\"]\");\r\n");
    }

    #[test]
    fn no_message_can_end_the_script_it_stands_in() {
        let framed = Framing::HtmlFile(callback()).wrap(BytesMut::from(r#"a["</script><b>"]"#));
        let text = String::from_utf8(framed.to_vec()).unwrap();
        assert!(text.contains("\\u003c/script>\\u003cb>"), "{text}");
    }

    #[test]
    fn preludes_are_as_long_as_browsers_need_them() {
        assert_eq!(Framing::Poll.prelude(), None);
        assert_eq!(Framing::Jsonp(callback()).prelude(), None);
        assert_eq!(Framing::Stream.prelude().unwrap(), format!("{}\n", "h".repeat(2048)));
        assert_eq!(Framing::EventSource.prelude().unwrap(), "\r\n");
        let head = Framing::HtmlFile(callback()).prelude().unwrap();
        assert!(head.len() > 1024);
        assert!(String::from_utf8(head.to_vec()).unwrap().contains("var c = parent.cb;"));
    }
}
