//! Publications that newer ones have replaced, to be filled anew: so nothing is allocated for a tick once every symbol
//! has ticked a few times, and nothing that one thread made is freed by another.
//!
//! Nobody gives one back. Whoever publishes keeps each symbol's newest publication too, and leaves it here when it's
//! replaced; as soon as nobody else has it any more (every shard has taken the newer one, and no subscription remembers
//! it as what it was sent), it's as good as new.

use std::{collections::VecDeque, sync::Arc};

use super::{Content, Publication};

/// So many publications wait to be filled anew: of a batch from Kafka those of some thousand symbols, until the shards
/// have taken the next. With the room for an encoded tail one has 900 bytes, all of them 3.7 MB.
const RETIRED_MAX: usize = 4096;

/// What was replaced, in the order in which it's looked at next.
#[derive(Debug, Default)]
pub(crate) struct Retired(VecDeque<Arc<Publication>>);

impl Retired {
    /// A publication of this; of those that wait the first is taken for it if nobody else has it.
    pub(crate) fn publish(&mut self, content: Content) -> Arc<Publication> {
        if let Some(mut first) = self.0.pop_front() {
            if let Some(unread) = Arc::get_mut(&mut first) {
                unread.renew(content);
                return first;
            }
            self.0.push_back(first);
        }
        Arc::new(Publication::from(content))
    }

    /// Keeps a publication that a newer one has replaced. Where there are too many the one goes that was to be looked at
    /// next: it may be one that a slow client remembers for long.
    pub(crate) fn retire(&mut self, replaced: Arc<Publication>) {
        if self.0.len() == RETIRED_MAX {
            self.0.pop_front();
        }
        self.0.push_back(replaced);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{publication::tests::content, stomp::Version};

    fn price(publication: &Publication) -> String {
        let tail = publication.tail(Version::V1_2).into_owned();
        String::from_utf8(tail).unwrap().split_once("\"price\":").unwrap().1.chars().take(1).collect()
    }

    #[test]
    fn what_nobody_has_any_more_is_filled_anew() {
        let mut retired = Retired::default();
        let first = retired.publish(content("A", "1"));
        let place = Arc::as_ptr(&first);
        assert_eq!(price(&first), "1");
        retired.retire(first);
        let second = retired.publish(content("B", "2"));
        assert_eq!(Arc::as_ptr(&second), place);
        assert_eq!(
            (second.symbol.as_str(), price(&second).as_str()),
            ("B", "2"),
            "nothing is left of the first"
        );
    }

    #[test]
    fn what_somebody_has_stays_as_it_is() {
        let mut retired = Retired::default();
        let first = retired.publish(content("A", "1"));
        retired.retire(Arc::clone(&first));
        let second = retired.publish(content("A", "2"));
        assert_eq!((price(&first), price(&second)), ("1".to_owned(), "2".to_owned()));
        let place = Arc::as_ptr(&first);
        drop(first);
        assert_eq!(Arc::as_ptr(&retired.publish(content("A", "3"))), place, "it waited");
    }

    #[test]
    fn those_that_are_remembered_for_long_make_room_for_others() {
        let mut retired = Retired::default();
        let remembered: Vec<_> = (0..RETIRED_MAX).map(|_| retired.publish(content("A", "1"))).collect();
        remembered.iter().for_each(|it| retired.retire(Arc::clone(it)));
        for _ in 0..2 * RETIRED_MAX {
            let publication = retired.publish(content("B", "2"));
            retired.retire(publication);
        }
        assert_eq!(retired.0.len(), RETIRED_MAX);
        let free = retired.0.iter().filter(|it| Arc::strong_count(it) == 1).count();
        assert!(free > 0, "every place is taken by what somebody has");
    }
}
