//! Makes the Rust types of `tick.proto` while the server is built. The schema is compiled in Rust, so that no `protoc`
//! has to be installed.

/// Relative to the package's root, which is a build script's working directory.
const SCHEMA: &str = "proto/tick.proto";

/// Writes the types to `OUT_DIR`, as `tickcast.v1.rs`.
pub(crate) fn generate() -> Result<(), String> {
    println!("cargo:rerun-if-changed={SCHEMA}");
    println!("cargo:rerun-if-changed=proto/generate.rs");
    let files = protox::compile([SCHEMA], ["proto"]).map_err(|error| format!("{SCHEMA}: {error}"))?;
    prost_build::Config::new()
        // Its comments are about the record, and what looks like Markdown in them is none.
        .disable_comments(["."])
        .compile_fds(files)
        .map_err(|error| format!("{SCHEMA}: {error}"))
}
