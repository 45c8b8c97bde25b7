//! The bodies of messages: read as JSON and compared with what they have to be.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::{
    known::State,
    promise::{Kept, Promise},
    stomp::Heard,
    subscription::Body,
};

/// Whole states are sent to many: those that were found right needn't be read again.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    /// By symbol.
    right: HashMap<u16, Right>,
}

/// A state's stamp, and its body.
type Right = ((u64, u32), Box<[u8]>);

impl Bodies {
    /// Whether the frame's body is what it has to be.
    pub(super) fn check(&mut self, heard: &Heard<'_>, newest: &State, expected: &Body) -> Kept {
        let fields = match expected {
            Body::Part(fields) => fields,
            Body::Whole => {
                let right = self.right.get(&newest.symbol);
                if right.is_some_and(|(stamp, body)| *stamp == newest.stamp() && **body == *heard.body) {
                    return Ok(());
                }
                &newest.fields
            }
        };
        let body = read(heard)?;
        let is_right =
            body.len() == fields.len() && fields.iter().all(|(name, value)| body.get(*name) == Some(value));
        Promise::Body.check(is_right, || format!("{body:?} isn't {fields:?}: {heard:?}"))?;
        if *expected == Body::Whole {
            self.right.insert(newest.symbol, (newest.stamp(), heard.body.into()));
        }
        Ok(())
    }

    /// What a client does with deltas: after a snapshot it holds what came, and then what came on top of it.
    pub(super) fn apply(
        &self,
        heard: &Heard<'_>,
        is_snapshot: bool,
        held: &mut BTreeMap<String, Value>,
        expected: &BTreeMap<&'static str, Value>,
    ) -> Kept {
        if is_snapshot {
            held.clear();
        }
        for (name, value) in read(heard)? {
            if value.is_null() {
                held.remove(&name);
            } else {
                held.insert(name, value);
            }
        }
        let is_right = held.len() == expected.len()
            && expected.iter().all(|(name, value)| held.get(*name) == Some(value));
        Promise::Delta.check(is_right, || format!("a client holds {held:?}, not {expected:?}: {heard:?}"))
    }
}

fn read(heard: &Heard<'_>) -> Kept<serde_json::Map<String, Value>> {
    serde_json::from_slice(heard.body).or_else(|error| {
        Promise::Wire.broken(format!("{error}: {heard:?}, {:?}", String::from_utf8_lossy(heard.body)))
    })
}
