//! Where bad records are set aside: the one setting whose default follows from another.

use std::str::FromStr;

use super::Topic;

/// Where bad records are set aside, if they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuarantineTopic {
    /// In this topic.
    Named(Topic),
    /// Nowhere.
    Off,
}

impl FromStr for QuarantineTopic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            _ => text.parse().map(Self::Named).map_err(|error| format!("{error}; or off")),
        }
    }
}

impl QuarantineTopic {
    /// The topic in which the bad records of `topic` are set aside: `told`, else the one that has its name with
    /// `.quarantine` after it.
    ///
    /// # Errors
    /// Says why that can't be.
    pub fn of(topic: &Topic, told: Option<Self>) -> Result<Option<Topic>, String> {
        let quarantine = match told {
            Some(Self::Off) => return Ok(None),
            Some(Self::Named(told)) => told,
            None => format!("{topic}.quarantine").parse().map_err(|_| {
                format!("{topic}.quarantine is longer than the 249 characters of a topic's name: name another, or off")
            })?,
        };
        if quarantine == *topic {
            return Err(format!("{topic} is the topic with the ticks: name another, or off"));
        }
        Ok(Some(quarantine))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_records_are_set_aside_in_another_topic_or_nowhere() {
        let ticks: Topic = "ticks".parse().unwrap();
        let of = |told: Option<&str>| QuarantineTopic::of(&ticks, told.map(|text| text.parse().unwrap()));
        let named = |name: &str| Ok(Some(name.parse().unwrap()));
        assert_eq!(of(None), named("ticks.quarantine"));
        assert_eq!(of(Some("bad")), named("bad"));
        assert_eq!(of(Some("off")), Ok(None));
        assert!(of(Some("ticks")).unwrap_err().contains("is the topic with the ticks"));
        assert!("a b".parse::<QuarantineTopic>().unwrap_err().ends_with("; or off"));
        let long: Topic = "a".repeat(239).parse().unwrap();
        assert!(QuarantineTopic::of(&long, None).unwrap_err().contains("name another"));
        assert_eq!(QuarantineTopic::of(&long, Some(QuarantineTopic::Off)), Ok(None));
    }
}
