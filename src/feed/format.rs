//! The formats of a record, and how its `content-type` tells them.

use super::Rejection;

/// How a tick is written in a record's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TickFormat {
    /// A JSON object.
    #[default]
    Json,
    /// The message `tickcast.v1.Tick` of proto/tick.proto.
    Protobuf,
}

impl TickFormat {
    /// The header `content-type` of a record in this format.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/x-protobuf",
        }
    }

    /// What a `content-type` tells, whatever its parameters are.
    ///
    /// # Errors
    /// [`Rejection::ContentType`] where it's none of ours.
    pub fn of_content_type(content_type: &[u8]) -> Result<Self, Rejection> {
        let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let is = |name: &str| essence.eq_ignore_ascii_case(name.as_bytes());
        if is(Self::Json.content_type()) {
            Ok(Self::Json)
        // Both names are in use.
        } else if is(Self::Protobuf.content_type()) || is("application/protobuf") {
            Ok(Self::Protobuf)
        } else {
            let shown = &content_type[..content_type.len().min(64)];
            Err(Rejection::ContentType(String::from_utf8_lossy(shown).into_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content_type: &str, expected: Option<TickFormat>) {
        assert_eq!(TickFormat::of_content_type(content_type.as_bytes()).ok(), expected, "{content_type:?}");
    }

    #[test]
    fn a_content_type_is_known_by_its_essence() {
        check("application/json", Some(TickFormat::Json));
        check(" Application/JSON ; charset=utf-8", Some(TickFormat::Json));
        check("application/x-protobuf", Some(TickFormat::Protobuf));
        check("application/protobuf;proto=tickcast.v1.Tick", Some(TickFormat::Protobuf));
        for unknown in ["", ";", "json", "application/json5", "text/json", "application/x-protobuf+json"] {
            check(unknown, None);
        }
    }

    #[test]
    fn an_unknown_one_is_told_with_what_is_allowed() {
        let told = TickFormat::of_content_type(b"text/csv").unwrap_err().to_string();
        let allowed = "application/json, application/x-protobuf, application/protobuf";
        assert_eq!(told, format!("content-type \"text/csv\" isn't known; allowed are {allowed}"));
        let long = TickFormat::of_content_type(&[0xff; 100_000]).unwrap_err().to_string();
        assert!(long.len() < 400, "{long}");
    }
}
