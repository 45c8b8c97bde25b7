//! A STOMP frame of the server, as it stands on the wire.

use serde_json::Value;

/// A frame of the server. Header values are as they stand on the wire, escapes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) command: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// The whole frame, its closing NUL included.
    pub(crate) text: String,
}

impl Frame {
    /// Reads a whole frame: the closing NUL has to be the text's last character.
    pub(crate) fn parse(text: &str) -> Self {
        let whole = text.strip_suffix('\0').unwrap_or_else(|| panic!("{text:?} doesn't end with NUL"));
        let (head, body) = whole.split_once("\n\n").expect("a frame has an empty line after its headers");
        let mut lines = head.split('\n');
        let command = lines.next().expect("a split has a first part").to_owned();
        let headers = lines
            .map(|line| line.split_once(':').unwrap_or_else(|| panic!("{line:?} is no header")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self { command, headers, body: body.to_owned(), text: text.to_owned() }
    }

    /// A header's value, the first of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header that has to be there.
    #[track_caller]
    pub(crate) fn expect(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("{self:?} has no {name}"))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A MESSAGE's `seq`.
    #[track_caller]
    pub(crate) fn seq(&self) -> u64 {
        self.expect("seq").parse().unwrap()
    }

    /// The symbol that a MESSAGE is about.
    #[track_caller]
    pub(crate) fn symbol(&self) -> &str {
        let destination = self.expect("destination");
        destination.strip_prefix("/topic/price.stock.").expect("prices have one prefix")
    }

    /// How many further ticks were folded into a MESSAGE.
    pub(crate) fn conflated(&self) -> u64 {
        self.header("conflated").map_or(0, |count| count.parse().unwrap())
    }
}
