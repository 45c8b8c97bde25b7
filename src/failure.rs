//! How a command fails: one line for the user, and an exit code for the script that called it.

use std::{fmt, process::ExitCode};

/// Why a command ended early. The code is part of the contract; see [`Failure::exit_code`].
#[derive(Debug)]
pub enum Failure {
    /// A flag, a setting or an input file is wrong; the user can mend it. Exit code 1.
    Configuration(anyhow::Error),
    /// Something outside isn't there: the port is taken, the broker can't be reached. Exit code 2.
    StartUp(anyhow::Error),
    /// Nobody expected this. Exit code 3.
    Unexpected(anyhow::Error),
}

impl Failure {
    /// The configuration failure that a sentence describes.
    pub fn configuration(message: impl fmt::Display) -> Self {
        Self::Configuration(anyhow::anyhow!("{message}"))
    }

    /// The start-up failure that a sentence describes.
    pub fn start_up(message: impl fmt::Display) -> Self {
        Self::StartUp(anyhow::anyhow!("{message}"))
    }

    /// 1 configuration, 2 start-up, 3 unexpected; 0 is for success only.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Configuration(_) => 1,
            Self::StartUp(_) => 2,
            Self::Unexpected(_) => 3,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Configuration(cause) | Self::StartUp(cause) | Self::Unexpected(cause)) = self;
        // The whole chain on one line: what was tried, then why it failed.
        write!(f, "{cause:#}")
    }
}
