//! The bad records that are set aside, each once, for whoever lists them, publishes them again or dismisses them.

mod judge;
mod publish;

pub use self::{
    judge::{Judged, Source, Verdict},
    publish::{Done, Target, dismiss, republish},
};
use crate::{
    kafka::{Message, ProducerConfig, ReadError, TopicExtent, TopicReader, Wanted},
    quarantine::{Catalogue, Entry, Fact, Original, Outcome, Place, is_ours},
};

/// A record that is set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where it stands in its topic.
    pub place: Place,
    /// The metric's label of why it's no tick.
    pub reason: String,
    /// The same in words.
    pub error: String,
    /// What its producer wrote.
    pub original: Original,
    /// How long its value is, if it was left out.
    pub omitted_bytes: Option<usize>,
    /// When it was set aside, in milliseconds since the Unix epoch.
    pub set_aside_ms: i64,
    /// How it was dealt with, if it was.
    pub outcome: Option<Outcome>,
}

impl Item {
    /// The bytes that it takes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.original.bytes() + self.error.len() + self.reason.len()
    }
}

/// The quarantine topic as it stood when it was opened.
#[derive(Debug)]
pub struct Shelf {
    reader: TopicReader,
    extent: TopicExtent,
    catalogue: Catalogue,
}

impl Shelf {
    /// Reads what is dealt with of the topic `source`; `config` names the quarantine topic.
    ///
    /// # Errors
    /// When the quarantine topic can't be read.
    pub fn open(config: ProducerConfig, source: &str) -> Result<Self, ReadError> {
        let reader = TopicReader::new(config)?;
        let extent = reader.extent()?;
        let mut catalogue = Catalogue::new(source);
        reader.read(&extent, |message| {
            if let Some(entry) = Entry::parse(message.headers()) {
                catalogue.note(&entry);
            }
            Wanted::More
        })?;
        Ok(Self { reader, extent, catalogue })
    }

    /// Hands out each record that is set aside, in the order in which that was done, until `each` says that it's enough.
    /// To be called once.
    ///
    /// # Errors
    /// When the quarantine topic can't be read.
    pub fn read(&mut self, mut each: impl FnMut(Item) -> Wanted) -> Result<(), ReadError> {
        let Self { reader, extent, catalogue } = self;
        reader.read(extent, |message| match Entry::parse(message.headers()) {
            Some(entry) if catalogue.meet(&entry) => {
                let outcome = catalogue.outcome(&entry.place);
                item(message, entry, outcome).map_or(Wanted::More, &mut each)
            }
            _ => Wanted::More,
        })
    }

    /// What was read of the topic as a whole.
    pub const fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }
}

fn item(message: Message<'_>, entry: Entry, outcome: Option<Outcome>) -> Option<Item> {
    let Fact::Bad { reason, error, timestamp_ms, omitted_bytes } = entry.fact else { return None };
    let own = message.headers().filter(|(name, _)| !is_ours(name));
    let original = Original {
        key: message.key().map(<[u8]>::to_vec),
        value: message.value().map(<[u8]>::to_vec),
        headers: own.map(|(name, value)| (name, value.map(<[u8]>::to_vec))).collect(),
        timestamp_ms,
    };
    let set_aside_ms = message.timestamp_ms().unwrap_or(0);
    Some(Item { place: entry.place, reason, error, original, omitted_bytes, set_aside_ms, outcome })
}
