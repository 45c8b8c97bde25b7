//! The checkpoint's file: there is the old one or the new one, whatever happens in between.
//!
//! The new one is written beside it, brought to the disk and only then given its name. A server that is killed leaves
//! the part that it wrote behind, which the next one removes. One server at a time has the file: a lock on a file
//! beside it, which the system gives back when the server ends, however it does.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use crate::quarantine::OFFSETS_MAX;

/// Bytes of the largest file that is read: the head, with a few thousand partitions, and the bad records that weren't set
/// aside, each of which takes two bytes, and eight where they lie far apart.
const HEAD_BYTES_MAX: u64 = (1 << 20) + 8 * OFFSETS_MAX;

/// And each symbol: one that was in sixteen partitions takes 16 × 250.
const SYMBOL_BYTES_MAX: u64 = 4096;

/// A checkpoint's place on the disk, that no other server has.
#[derive(Debug)]
pub struct CheckpointFile {
    path: PathBuf,
    directory: PathBuf,
    temporary: PathBuf,
    /// Held for as long as it's open.
    _lock: File,
}

/// Why there can't be a checkpoint in this place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It doesn't end with a file's name.
    #[error("{0} names no file")]
    NoFile(PathBuf),
    /// Another server has it.
    #[error("{0} is another tickcast's checkpoint, which runs: every server needs a file of its own")]
    InUse(PathBuf),
    /// Its directory doesn't let files be made.
    #[error("{path} can't be made: {error}")]
    Lock {
        /// The file that couldn't.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl CheckpointFile {
    /// Takes the place, and removes what a killed server left half written.
    ///
    /// # Errors
    /// See [`PlaceError`].
    pub fn open(path: &Path) -> Result<Self, PlaceError> {
        // Where a link leads to, and not in its place.
        let real = fs::canonicalize(path);
        let path = real.as_deref().unwrap_or(path);
        let name = path.file_name().ok_or_else(|| PlaceError::NoFile(path.to_owned()))?;
        let beside = |suffix: &str| {
            let mut name: OsString = name.to_owned();
            name.push(suffix);
            path.with_file_name(name)
        };
        let lock_path = beside(".lock");
        let error = |error| PlaceError::Lock { path: lock_path.clone(), error };
        // It stays when the server ends: whoever removes it could remove the next one's.
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(error)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(PlaceError::InUse(path.to_owned())),
            Err(TryLockError::Error(cause)) => return Err(error(cause)),
        }
        let this = Self {
            path: path.to_owned(),
            directory: directory_of(path).to_owned(),
            temporary: beside(".new"),
            _lock: lock,
        };
        // What can't be removed will be told when it's in the way.
        let _ = this.remove_temporary();
        Ok(this)
    }

    /// Its path, with links followed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it; `None` if there is none yet. A file that is larger than any of so many symbols isn't read.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn read(&self, symbols_max: usize) -> io::Result<Option<Vec<u8>>> {
        let found = match fs::metadata(&self.path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // One that isn't a file, such as a pipe, may keep whoever opens it for ever.
        if !found.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it's no regular file"));
        }
        let (file, length) = (File::open(&self.path)?, found.len());
        if length > HEAD_BYTES_MAX.saturating_add(SYMBOL_BYTES_MAX.saturating_mul(symbols_max as u64)) {
            let reason = format!("{length} bytes are more than {symbols_max} symbols (max-symbols) take");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
        }
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Puts these bytes in the place of those that are there. Whatever fails, those stay.
    ///
    /// # Errors
    /// When the disk doesn't take them.
    pub fn write(&self, pieces: &[&[u8]]) -> io::Result<()> {
        let written = self.write_temporary(pieces).and_then(|()| fs::rename(&self.temporary, &self.path));
        if let Err(error) = written {
            let _ = self.remove_temporary();
            return Err(error);
        }
        // The name, too, is on the disk.
        File::open(&self.directory)?.sync_all()
    }

    fn write_temporary(&self, pieces: &[&[u8]]) -> io::Result<()> {
        self.remove_temporary()?;
        // A new one and no other: what somebody else put there, such as a link, isn't written to.
        let mut file = OpenOptions::new().write(true).create_new(true).open(&self.temporary)?;
        for piece in pieces {
            file.write_all(piece)?;
        }
        file.sync_all()
    }

    fn remove_temporary(&self) -> io::Result<()> {
        match fs::remove_file(&self.temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The directory that a file is in.
pub fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_written_takes_the_place_of_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let file = CheckpointFile::open(&directory.path().join("state")).unwrap();
        assert_eq!(file.read(1).unwrap(), None);
        file.write(&[b"one", b" and two"]).unwrap();
        file.write(&[b"three"]).unwrap();
        assert_eq!(file.read(1).unwrap().unwrap(), b"three");
        assert_eq!(names(directory.path()), ["state", "state.lock"]);
    }

    #[test]
    fn one_server_at_a_time_has_it_and_the_next_removes_what_is_half_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let file = CheckpointFile::open(&path).unwrap();
        let text = CheckpointFile::open(&path).unwrap_err().to_string();
        assert!(text.contains("state is another tickcast's checkpoint"), "{text}");
        drop(file);
        fs::write(directory.path().join("state.new"), "half").unwrap();
        let _file = CheckpointFile::open(&path).unwrap();
        assert_eq!(names(directory.path()), ["state.lock"]);
    }

    #[test]
    fn what_can_not_be_written_leaves_the_old_one_and_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = CheckpointFile::open(&directory.path().join("state")).unwrap();
        file.write(&[b"old"]).unwrap();
        // Nothing can be renamed to a directory that has something in it.
        let in_the_way = tempfile::tempdir_in(directory.path()).unwrap();
        let other = CheckpointFile::open(&in_the_way.path().join("state")).unwrap();
        fs::create_dir_all(in_the_way.path().join("state/x")).unwrap();
        other.write(&[b"new"]).unwrap_err();
        assert_eq!(names(in_the_way.path()), ["state", "state.lock"]);
        // Nor can anything be made in one that is gone.
        fs::rename(in_the_way.path(), directory.path().join("elsewhere")).unwrap();
        other.write(&[b"new"]).unwrap_err();
        assert_eq!(file.read(1).unwrap().unwrap(), b"old");
    }

    #[test]
    fn a_file_of_any_size_is_not_taken_into_memory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let error = CheckpointFile::open(&path).unwrap().read(1000).unwrap_err();
        assert_eq!(error.to_string(), "1099511627776 bytes are more than 1000 symbols (max-symbols) take");
    }

    #[test]
    fn a_place_in_no_directory_or_without_a_name_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let text = CheckpointFile::open(&directory.path().join("no/state")).unwrap_err().to_string();
        assert!(text.contains("no/state.lock can't be made: No such file"), "{text}");
        assert!(matches!(CheckpointFile::open(Path::new("/")), Err(PlaceError::NoFile(_))));
    }
}
