//! The versions of the protocol, and how one is agreed on.

use std::fmt;

/// A version of STOMP. They differ in header escaping, in which headers a frame needs, and in
/// heart-beats and NACK, which 1.0 doesn't have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// <https://stomp.github.io/stomp-specification-1.0.html>
    V1_0,
    /// <https://stomp.github.io/stomp-specification-1.1.html>
    V1_1,
    /// <https://stomp.github.io/stomp-specification-1.2.html>
    V1_2,
}

impl Version {
    /// Every version that is spoken, the oldest first.
    pub const ALL: [Self; 3] = [Self::V1_0, Self::V1_1, Self::V1_2];

    /// All of them as they stand in a `version` header.
    pub const LIST: &str = "1.0,1.1,1.2";

    /// As it stands in `version` and `accept-version`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
        }
    }

    /// Its WebSocket subprotocol.
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::V1_0 => "v10.stomp",
            Self::V1_1 => "v11.stomp",
            Self::V1_2 => "v12.stomp",
        }
    }

    /// The highest version in an `accept-version` header, which is a list with commas; spaces around
    /// its items are passed over. Without the header the client speaks 1.0.
    pub fn highest_in(accept_version: Option<&str>) -> Option<Self> {
        let Some(list) = accept_version else { return Some(Self::V1_0) };
        list.split(',').filter_map(|item| Self::ALL.into_iter().find(|it| it.name() == item.trim())).max()
    }

    /// The subprotocol of the highest version among those that a client offers, each a list with
    /// commas. The client's order doesn't matter: "v12.stomp" last is as good as first.
    pub fn highest_subprotocol<'a>(offered: impl Iterator<Item = &'a str>) -> Option<&'static str> {
        offered
            .flat_map(|list| list.split(','))
            .filter_map(|item| Self::ALL.into_iter().find(|it| it.subprotocol() == item.trim()))
            .max()
            .map(Self::subprotocol)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_common_version_is_agreed_on() {
        for (offered, agreed) in [
            (None, Some(Version::V1_0)),
            (Some("1.0"), Some(Version::V1_0)),
            (Some("1.0,1.1"), Some(Version::V1_1)),
            (Some("1.2,1.1,1.0"), Some(Version::V1_2)),
            (Some(" 1.1 , 1.0 "), Some(Version::V1_1)),
            (Some("1.3,1.2"), Some(Version::V1_2)),
            (Some("2.0"), None),
            (Some("1.20"), None),
            (Some(""), None),
        ] {
            assert_eq!(Version::highest_in(offered), agreed, "{offered:?}");
        }
    }

    #[test]
    fn the_highest_subprotocol_is_picked_in_any_order() {
        let pick = |offered: &[&str]| Version::highest_subprotocol(offered.iter().copied());
        assert_eq!(pick(&["v10.stomp, v11.stomp", "v12.stomp"]), Some("v12.stomp"));
        assert_eq!(pick(&["v11.stomp,v10.stomp"]), Some("v11.stomp"));
        assert_eq!(pick(&["mqtt", "v10.stomp"]), Some("v10.stomp"));
        assert_eq!(pick(&["mqtt", "V12.STOMP", ""]), None);
        assert_eq!(pick(&[]), None);
    }

    #[test]
    fn the_list_has_them_all() {
        assert_eq!(Version::ALL.map(Version::name).join(","), Version::LIST);
    }
}
