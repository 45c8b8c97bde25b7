//! A file that holds the value of one of librdkafka's properties: how secrets are mounted into containers. The error
//! names the property and the file, and nothing of what is in it.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use super::KafkaProperty;

/// A chain of certificates with its key is some 20 KiB; whatever is longer is another file than was meant.
const LENGTH_MAX: u64 = 256 * 1024;

/// A property of librdkafka whose value is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaPropertyFile {
    /// librdkafka's name of the property, such as `sasl.password`.
    pub key: String,
    /// Where its value is.
    pub path: PathBuf,
}

impl FromStr for KafkaPropertyFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let property: Result<KafkaProperty, _> = text.parse();
        match property {
            Ok(KafkaProperty { key, value }) if !value.is_empty() => Ok(Self { key, path: value.into() }),
            _ => Err("expected key=path, such as sasl.password=/run/secrets/kafka-password".to_owned()),
        }
    }
}

impl KafkaPropertyFile {
    /// The property with what the file holds, without the newline at its end that editors leave.
    ///
    /// # Errors
    /// Names the property, the file and what is wrong with it, when it can't be read, is empty, too long, or no text.
    pub fn read(&self) -> Result<KafkaProperty, String> {
        let told = |reason: &str| format!("{} from {}: {reason}", self.key, self.told_path());
        let bytes = read_up_to(&self.path, LENGTH_MAX).map_err(|error| told(&error.to_string()))?;
        if bytes.len() as u64 > LENGTH_MAX {
            return Err(told(&format!(
                "longer than {LENGTH_MAX} bytes: expected the property's value alone"
            )));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| told("not UTF-8: expected the property's value as text, nothing else"))?;
        let value = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
        if value.trim().is_empty() {
            return Err(told("empty: expected the property's value"));
        }
        Ok(KafkaProperty { key: self.key.clone(), value: value.to_owned() })
    }

    /// The path for people. What is there, or is written as paths are, is one; anything else may be the secret itself,
    /// given by mistake in place of where it is.
    fn told_path(&self) -> String {
        let is_written_so =
            ["/", "./", "../"].iter().any(|begin| self.path.to_string_lossy().starts_with(begin));
        if is_written_so || self.path.exists() {
            self.path.display().to_string()
        } else {
            "a path that isn't there and isn't shown, as it may be the value itself".to_owned()
        }
    }

    /// Whether every user of this machine can read it; not if it can't be looked at.
    pub fn is_open_to_all(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|file| file.mode() & 0o004 != 0)
    }
}

/// A byte more than the limit tells that there are more.
fn read_up_to(path: &Path, length_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(length_max + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: Option<&[u8]>, expected: Result<&str, &str>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let file = KafkaPropertyFile { key: "sasl.password".to_owned(), path: path.clone() };
        let read = file.read().map(|property| property.value);
        match expected {
            Ok(value) => assert_eq!(read.as_deref(), Ok(value)),
            Err(reason) => {
                let told = read.unwrap_err();
                assert!(
                    told.starts_with(&format!("sasl.password from {}: {reason}", path.display())),
                    "{told}"
                );
                assert!(!told.contains("hunter2"), "{told}");
            }
        }
    }

    #[test]
    fn a_file_gives_its_text_without_the_newline_at_its_end() {
        check(Some(b"hunter2"), Ok("hunter2"));
        check(Some(b"hunter2\n"), Ok("hunter2"));
        check(Some(b"hunter2\r\n"), Ok("hunter2"));
        // Each may be meant, and a PEM has several lines.
        check(Some(b" hunter2 \n\n"), Ok(" hunter2 \n"));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_without_what_it_holds() {
        check(None, Err("No such file or directory"));
        for empty in [&b""[..], b"\n", b" \r\n"] {
            check(Some(empty), Err("empty: expected the property's value"));
        }
        check(Some(b"hunter2\xff"), Err("not UTF-8: expected"));
        check(Some(&b"hunter2".repeat(40_000)), Err("longer than 262144 bytes: expected"));
        let directory = KafkaPropertyFile { key: "ssl.key.pem".to_owned(), path: "/".into() };
        assert_eq!(directory.read().unwrap_err(), "ssl.key.pem from /: Is a directory (os error 21)");
    }

    #[test]
    fn a_secret_in_place_of_its_path_is_not_told() {
        let file: KafkaPropertyFile = "sasl.password=hunter2".parse().unwrap();
        let told = file.read().unwrap_err();
        assert!(told.starts_with("sasl.password from a path that isn't there and isn't shown"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn a_file_is_named_by_key_and_path() {
        let file: KafkaPropertyFile = "sasl.password = /run/a=b".parse().unwrap();
        assert_eq!((file.key.as_str(), file.path.to_str()), ("sasl.password", Some("/run/a=b")));
        for wrong in ["", "sasl.password", "sasl.password=", "=/x", "a b=/x"] {
            assert!(
                wrong.parse::<KafkaPropertyFile>().unwrap_err().starts_with("expected key=path"),
                "{wrong}"
            );
        }
    }
}
