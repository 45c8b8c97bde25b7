//! The name of the function that htmlfile and JSONP answers call; protocol "HtmlFile", "JsonpPolling".

use std::fmt;

/// A name made of `A–Z a–z 0–9 - _ .`: it stands in a script, and so nothing else may be in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback(Box<str>);

/// Why a request's callback can't be taken. The texts are the protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// There is none.
    #[error("\"callback\" parameter required")]
    Missing,
    /// It's no name.
    #[error("invalid \"callback\" parameter")]
    Invalid,
}

/// sockjs-client's names have some 10 characters.
const LENGTH_MAX: usize = 128;

impl Callback {
    /// Takes the value of the query's `c` or `callback`.
    ///
    /// # Errors
    /// There is none, or it has characters that no name has.
    pub fn parse(value: Option<&str>) -> Result<Self, CallbackError> {
        let name = value.filter(|value| !value.is_empty()).ok_or(CallbackError::Missing)?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.len() <= LENGTH_MAX && name.bytes().all(is_name) {
            Ok(Self(name.into()))
        } else {
            Err(CallbackError::Invalid)
        }
    }
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_a_name() {
        for name in ["callback", "_jp.a1b2", "a-b"] {
            assert_eq!(Callback::parse(Some(name)).unwrap().to_string(), name);
        }
        assert_eq!(Callback::parse(None), Err(CallbackError::Missing));
        assert_eq!(Callback::parse(Some("")), Err(CallbackError::Missing));
        for wrong in [" ", "*", "abc(", "a;b", "a<b", "ä", &"a".repeat(129)] {
            assert_eq!(Callback::parse(Some(wrong)), Err(CallbackError::Invalid), "{wrong}");
        }
    }
}
