//! What is no tick, set aside: how a bad record stands in the quarantine topic, and which of them stand there already.
//!
//! The quarantine topic is a log like the one that it's about, and its records are facts: *this record is bad*, and
//! later perhaps *this record was published again*. Both name the record by its [`Place`], so that neither the order
//! of the facts nor how often one is told makes a difference.
//!
//! This room is pure: it knows no Kafka client, no clock and no metric.

mod catalogue;
mod entry;
mod ledger;
mod open;
mod record;

pub use catalogue::{Catalogue, Places};
pub use entry::{Entry, Fact, Outcome, is_ours, marker_headers};
pub use ledger::{Ledger, OFFSETS_MAX, Stretch};
pub use open::Open;
pub use record::{BadRecord, Header, Original, Place, VALUE_BYTES_MAX};
