//! A partition's files on a node's disk: how its batches were stored, and cutting some off.
//!
//! Kafka's record batch, version 2: base offset (8 bytes), length of what follows (4), leader epoch (4), magic (1),
//! checksum (4), attributes (2), whose lowest three bits are the codec, and so on.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The directory of a partition that was never rolled: one segment from offset 0.
pub(crate) struct Partition {
    data: PathBuf,
    directory: PathBuf,
}

/// One batch of a segment.
struct Batch {
    base_offset: i64,
    begins_at: usize,
    codec: u8,
}

impl Partition {
    pub(crate) fn of(data: &Path, topic: &str, partition: i32) -> Self {
        Self { data: data.to_owned(), directory: data.join(format!("{topic}-{partition}")) }
    }

    /// The compression codec of each batch.
    pub(crate) fn codecs(&self) -> Vec<u8> {
        self.batches().iter().map(|batch| batch.codec).collect()
    }

    /// Cuts the log off before the batch that begins with this offset, as a disk that lost its last writes would have
    /// it. The node has to be down; it finds out how far the log goes when it starts.
    pub(crate) fn truncate_to(&self, offset: i64) {
        let batches = self.batches();
        let cut = batches.iter().find(|batch| batch.base_offset == offset);
        let cut =
            cut.unwrap_or_else(|| panic!("no batch of {} begins at {offset}", self.segment().display()));
        let segment = fs::File::options().write(true).open(self.segment()).unwrap();
        segment.set_len(cut.begins_at as u64).unwrap();
        // All else tells of what is gone; the node makes it anew from the segment. The topic's identity stays.
        for file in fs::read_dir(&self.directory).unwrap().map(|entry| entry.unwrap().path()) {
            if file != self.segment() && file.file_name().is_some_and(|name| name != "partition.metadata") {
                fs::remove_file(file).unwrap();
            }
        }
        // How far everything was known to be on disk, and that there is nothing to look after.
        for name in
            ["recovery-point-offset-checkpoint", "replication-offset-checkpoint", ".kafka_cleanshutdown"]
        {
            let _ = fs::remove_file(self.data.join(name));
        }
    }

    fn segment(&self) -> PathBuf {
        self.directory.join("00000000000000000000.log")
    }

    fn batches(&self) -> Vec<Batch> {
        let bytes =
            fs::read(self.segment()).unwrap_or_else(|error| panic!("{}: {error}", self.segment().display()));
        let (mut batches, mut at) = (Vec::new(), 0);
        while let Some(head) = bytes.get(at..at + 23) {
            let base_offset = i64::from_be_bytes(head[..8].try_into().unwrap());
            let length = u32::from_be_bytes(head[8..12].try_into().unwrap()) as usize;
            // A segment's file is as long as it may become while the node writes to it.
            if length == 0 {
                break;
            }
            batches.push(Batch { base_offset, begins_at: at, codec: head[22] & 0b111 });
            at += 12 + length;
        }
        batches
    }
}
