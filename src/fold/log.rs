//! The partitions' logs: which of them are the ones that the states were folded from, and which are held.

/// What is known of each partition's log.
#[derive(Debug, Default)]
pub(super) struct Logs {
    /// By partition. Those that aren't here are as `others`.
    logs: Vec<Log>,
    others: Log,
    /// How many logs were replaced by others, ever.
    replaced: u32,
}

/// One partition's log.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Log {
    /// Another one when records of this partition are no longer those that had these offsets before.
    pub(super) incarnation: u32,
    /// Whether what is folded from it isn't published yet.
    pub(super) is_held: bool,
}

impl Logs {
    pub(super) fn of(&self, partition: i32) -> Log {
        let at = usize::try_from(partition).ok();
        at.and_then(|at| self.logs.get(at)).copied().unwrap_or(self.others)
    }

    pub(super) fn set_held(&mut self, partition: i32, is_held: bool) {
        if let Some(log) = self.entry(partition) {
            log.is_held = is_held;
        }
    }

    /// A partition's records are others from now on.
    pub(super) fn replace(&mut self, partition: i32) {
        self.replaced += 1;
        let incarnation = self.replaced;
        if let Some(log) = self.entry(partition) {
            log.incarnation = incarnation;
        }
    }

    /// All partitions' are, also of those that there are no longer.
    pub(super) fn replace_all(&mut self) {
        self.replaced += 1;
        self.logs.clear();
        self.others = Log { incarnation: self.replaced, is_held: false };
    }

    fn entry(&mut self, partition: i32) -> Option<&mut Log> {
        // Kafka numbers partitions from zero.
        let at = usize::try_from(partition).ok()?;
        if self.logs.len() <= at {
            self.logs.resize(at + 1, self.others);
        }
        Some(&mut self.logs[at])
    }
}
