//! What the MESSAGE frames of a subscription begin with.

use std::borrow::Cow;

use super::{Name, Naming};
use crate::{
    session::preamble::Preamble,
    stomp::{FrameBuilder, Version},
};

/// The command and, unless a client of 1.0 gave no id, the header `subscription`. An ordinary one isn't kept: it follows
/// from the id.
#[derive(Debug)]
pub(in crate::session) struct Head(Option<Box<[u8]>>);

const BEGIN: &[u8; 21] = b"MESSAGE\nsubscription:";

/// Longer ids aren't ordinary.
pub(in crate::session) const ORDINARY_ID_BYTES_MAX: usize = 64;

/// What an ordinary head has at most.
pub(in crate::session) const ORDINARY_BYTES_MAX: usize = BEGIN.len() + ORDINARY_ID_BYTES_MAX + 1;

impl Head {
    pub(super) fn of(naming: Naming<'_>, version: Version) -> Self {
        let head = FrameBuilder::new("MESSAGE", version).optional("subscription", naming.id).into_head();
        let is_ordinary = naming.id.is_some_and(|id| {
            id.len() <= ORDINARY_ID_BYTES_MAX && head == [BEGIN, id.as_bytes(), b"\n"].concat()
        });
        Self((!is_ordinary).then(|| head.into()))
    }

    /// The whole of it.
    pub(in crate::session) fn whole<'a>(&'a self, name: &Name) -> Cow<'a, [u8]> {
        match &self.0 {
            Some(head) => Cow::Borrowed(head),
            None => Cow::Owned([BEGIN, name.id().as_bytes(), b"\n"].concat()),
        }
    }

    /// Puts it into the preamble of a frame, if it's ordinary; if not it's answered.
    pub(in crate::session) fn begin(&self, name: &Name, preamble: &mut Preamble) -> &[u8] {
        match &self.0 {
            Some(head) => head,
            None => {
                preamble.put_fixed(BEGIN);
                preamble.put(name.id().as_bytes());
                preamble.put_fixed(b"\n");
                b""
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: Option<&str>, version: Version, expected: &str) {
        let naming = Naming { id, destination: Some("/topic/x") };
        let (head, name) = (Head::of(naming, version), naming.to_name().unwrap());
        assert_eq!(String::from_utf8_lossy(&head.whole(&name)), expected);
        let mut preamble = Preamble::default();
        let begin = head.begin(&name, &mut preamble);
        assert_eq!([begin, preamble.as_bytes()].concat(), expected.as_bytes());
    }

    #[test]
    fn a_head_is_the_same_kept_or_not() {
        for (id, escaped) in [("sub-0", "sub-0"), ("", ""), ("a:b", r"a\cb"), ("é\\", r"é\\")] {
            check(Some(id), Version::V1_2, &format!("MESSAGE\nsubscription:{escaped}\n"));
        }
        check(Some("a:b"), Version::V1_0, "MESSAGE\nsubscription:a:b\n");
        check(None, Version::V1_0, "MESSAGE\n");
        for length in [64, 65, 255] {
            let id = "x".repeat(length);
            check(Some(&id), Version::V1_2, &format!("MESSAGE\nsubscription:{id}\n"));
        }
    }
}
