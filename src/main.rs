//! The `tickcast` command: the library's command line, and its exit code.

fn main() -> std::process::ExitCode {
    tickcast::cli::main()
}
