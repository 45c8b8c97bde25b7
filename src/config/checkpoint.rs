//! Where the state is kept for the next start, and how often.

use std::{fs, path::PathBuf, time::Duration};

use rustix::fs::{Access, access};

use super::Invalid;
use crate::actors::checkpoints::directory_of;

/// Where the state is kept for the next start, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The file.
    pub file: PathBuf,
    /// Between two checkpoints, while there is something new.
    pub interval: Duration,
}

impl Checkpoint {
    /// Checks that the file can be made. Its directory isn't: a wrong path would keep nothing, and nobody would see it.
    ///
    /// # Errors
    /// Why it can't.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        let invalid = |reason| Err(Invalid { keys: vec!["checkpoint"], reason });
        let directory = directory_of(&self.file);
        if self.file.file_name().is_none() || fs::metadata(&self.file).is_ok_and(|it| it.is_dir()) {
            return invalid(format!("{} is a directory: expected a file's name", self.file.display()));
        }
        if fs::metadata(&self.file).is_ok_and(|it| !it.is_file()) {
            return invalid(format!("{} is no regular file", self.file.display()));
        }
        match fs::metadata(directory) {
            Ok(found) if !found.is_dir() => invalid(format!("{} is no directory", directory.display())),
            Err(error) => invalid(format!("the directory {}: {error}", directory.display())),
            // The new file is made beside the old one.
            Ok(_) => match access(directory, Access::WRITE_OK | Access::EXEC_OK) {
                Ok(()) => Ok(()),
                Err(error) => {
                    let error = std::io::Error::from(error);
                    invalid(format!("nothing can be made in the directory {}: {error}", directory.display()))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[track_caller]
    fn check(file: &Path, expected: &str) {
        let checkpoint = Checkpoint { file: file.to_owned(), interval: Duration::from_secs(1) };
        let reason = checkpoint.check().map_or_else(|invalid| invalid.reason, |()| String::new());
        assert_eq!(reason, expected);
    }

    #[test]
    fn a_file_that_can_not_be_made_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        check(&path.join("state"), "");
        check(Path::new("state"), "");
        fs::write(path.join("file"), "").unwrap();
        check(&path.join("file"), "");
        let shown = path.display();
        check(
            &path.join("no/state"),
            &format!("the directory {shown}/no: No such file or directory (os error 2)"),
        );
        check(&path.join("file/state"), &format!("{shown}/file is no directory"));
        check(path, &format!("{shown} is a directory: expected a file's name"));
        check(Path::new("/"), "/ is a directory: expected a file's name");
    }
}
