//! The `tickcast` command.

use std::process::ExitCode;

use clap::Parser;
use tickcast::cli::feed;

#[derive(Parser)]
enum Command {
    Feed(feed::FeedArgs),
}

#[expect(clippy::print_stderr, reason = "the error line is for the user")]
fn main() -> ExitCode {
    let Command::Feed(args) = Command::parse();
    match feed::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("tickcast: {failure}");
            failure.exit_code()
        }
    }
}
