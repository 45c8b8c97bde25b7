//! Makes the types of the Protobuf schema (`proto/generate.rs`), and builds the trading page into
//! `$OUT_DIR/trading-page`, from where the server embeds it.
//!
//! The page needs Node and npm. A build without them must not fail: the binary then serves a page that says how to
//! get the real one, and a warning names what is missing. `TICKCAST_PAGE=require` turns that warning into an error,
//! `TICKCAST_PAGE=skip` doesn't try at all.
//!
//! The source tree stays untouched: sources are copied to `$OUT_DIR/trading-source` and built there. A build whose
//! sources are those of the last one does nothing, and packages are installed anew only when the lock file changed.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

#[path = "proto/generate.rs"]
mod proto;

const SOURCE: &str = "dashboards/trading";
const WITHOUT_NODE: &str = "dashboards/without-node.html";
/// What Vite 8 asks for.
const NODE_AT_LEAST: (u32, u32) = (20, 19);
/// What a build needs nothing of; an edit there builds nothing anew.
const NOT_SOURCES: [&str; 3] = ["node_modules", "dist", "test"];

fn main() -> ExitCode {
    println!("cargo:rerun-if-env-changed=TICKCAST_PAGE");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={WITHOUT_NODE}");
    let page = match env::var("TICKCAST_PAGE").as_deref() {
        Err(_) | Ok("") => build_or_explain(),
        Ok("skip") => embed_explanation(),
        Ok("require") => build_page(),
        Ok(other) => Err(format!("TICKCAST_PAGE={other}: allowed are skip, require, or nothing")),
    };
    match proto::generate().and(page) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("cargo:error={reason}");
            ExitCode::FAILURE
        }
    }
}

fn build_or_explain() -> Result<(), String> {
    let Err(reason) = build_page() else {
        return Ok(());
    };
    println!(
        "cargo:warning=the trading page is left out, a page that says how to get it is in its place: {reason}"
    );
    // Node installed by a version manager shows as another PATH.
    println!("cargo:rerun-if-env-changed=PATH");
    embed_explanation()
}

/// Builds the page, unless the last build was made of the same sources.
fn build_page() -> Result<(), String> {
    let sources = Sources::read()?;
    let out = Out::new();
    if fs::read_to_string(out.stamp()).is_ok_and(|stamp| stamp == sources.fingerprint()) {
        return Ok(());
    }
    require_node()?;
    sources.copy_to(&out.work())?;
    install_packages(&sources, &out)?;
    let _ = fs::remove_file(out.stamp());
    replace_dir(&out.page())?;
    let target = out.page().display().to_string();
    npm(&["run", "build", "--", "--emptyOutDir", "--outDir", &target], &out)?;
    write(&out.stamp(), sources.fingerprint().as_bytes())
}

fn embed_explanation() -> Result<(), String> {
    let out = Out::new();
    let _ = fs::remove_file(out.stamp());
    replace_dir(&out.page())?;
    let page = fs::read(WITHOUT_NODE).map_err(|error| format!("{WITHOUT_NODE}: {error}"))?;
    write(&out.page().join("index.html"), &page)
}

/// The places in `OUT_DIR`.
struct Out(PathBuf);

impl Out {
    fn new() -> Self {
        Self(PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts")))
    }

    /// What is embedded.
    fn page(&self) -> PathBuf {
        self.0.join("trading-page")
    }

    /// The copy of the sources that is built.
    fn work(&self) -> PathBuf {
        self.0.join("trading-source")
    }

    /// What npm printed.
    fn log(&self) -> PathBuf {
        self.0.join("trading-page.log")
    }

    /// The fingerprint of the sources that `page` was built from.
    fn stamp(&self) -> PathBuf {
        self.0.join("trading-page.stamp")
    }
}

/// The page's source files with their bytes: a few dozen small ones.
struct Sources(Vec<(PathBuf, Vec<u8>)>);

impl Sources {
    /// Reads all of them and tells cargo to watch each, and each folder for files that are new.
    fn read() -> Result<Self, String> {
        let mut files = Vec::new();
        collect(Path::new(SOURCE), &mut files).map_err(|error| format!("{SOURCE}: {error}"))?;
        files.sort();
        Ok(Self(files))
    }

    fn copy_to(&self, work: &Path) -> Result<(), String> {
        // A file that is gone from the sources must go from the copy too; the packages may stay.
        for entry in fs::read_dir(work).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_name() == "node_modules" {
                continue;
            }
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(|error| format!("{}: {error}", path.display()))?;
        }
        for (path, bytes) in &self.0 {
            let below = path.strip_prefix(SOURCE).expect("every source was found below its folder");
            write(&work.join(below), bytes)?;
        }
        Ok(())
    }

    fn fingerprint(&self) -> String {
        fingerprint(self.0.iter().map(|(path, bytes)| (path.as_path(), bytes.as_slice())))
    }

    /// The fingerprint of what decides which packages are installed.
    fn packages_fingerprint(&self) -> String {
        let decisive = ["package.json", "package-lock.json", ".npmrc"];
        fingerprint(
            self.0
                .iter()
                .filter(|(path, _)| decisive.iter().any(|name| path.ends_with(name)))
                .map(|(path, bytes)| (path.as_path(), bytes.as_slice())),
        )
    }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if NOT_SOURCES.iter().any(|not| name == *not) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            // cargo looks at a watched folder with all that is in it; the root holds `node_modules`, so only these.
            println!("cargo:rerun-if-changed={}", path.display());
            collect(&path, files)?;
        } else {
            println!("cargo:rerun-if-changed={}", path.display());
            files.push((path.clone(), fs::read(&path)?));
        }
    }
    Ok(())
}

/// FNV-1a over names and contents: enough to see a change, and the same in every run.
fn fingerprint<'a>(files: impl Iterator<Item = (&'a Path, &'a [u8])>) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut feed = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for (path, bytes) in files {
        feed(path.to_string_lossy().as_bytes());
        feed(&(bytes.len() as u64).to_le_bytes());
        feed(bytes);
    }
    format!("{hash:016x}")
}

fn require_node() -> Result<(), String> {
    let (major, minor) = NODE_AT_LEAST;
    let output = Command::new("node")
        .arg("--version")
        .output()
        .map_err(|error| format!("Node {major}.{minor} or newer was not found (node: {error})"))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let found =
        parse_version(&text).ok_or_else(|| format!("node --version printed {text:?}, not a version"))?;
    if found < NODE_AT_LEAST {
        return Err(format!("Node is {text}, {major}.{minor} or newer is needed"));
    }
    Ok(())
}

/// `v20.19.1` → (20, 19).
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Installs what the lock file names, unless exactly that is there from the last build.
fn install_packages(sources: &Sources, out: &Out) -> Result<(), String> {
    let installed = out.work().join("node_modules/.tickcast-installed");
    let wanted = sources.packages_fingerprint();
    if fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    // A machine without the registry should learn so in seconds; npm's own patience is minutes.
    let patience = ["--fetch-retries=1", "--fetch-timeout=20000"];
    npm(&[&["ci", "--omit=dev", "--ignore-scripts"], patience.as_slice()].concat(), out)?;
    write(&installed, wanted.as_bytes())
}

/// Runs npm on the copied sources; what it prints goes to the log, and the end of that into the error.
fn npm(arguments: &[&str], out: &Out) -> Result<(), String> {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let log = out.log();
    let output = Command::new(program)
        .args(arguments)
        .current_dir(out.work())
        .env("NO_COLOR", "1")
        .env("npm_config_update_notifier", "false")
        .output()
        .map_err(|error| format!("npm was not found ({error})"))?;
    write(&log, &[output.stdout, output.stderr].concat())?;
    if output.status.success() {
        return Ok(());
    }
    let command = format!("npm {}", arguments[0]);
    Err(format!("{command} failed ({}): {} [all of it: {}]", output.status, told_by(&log), log.display()))
}

/// What a log says about the failure, as one line: the first lines that speak of an error, else the last ones.
fn told_by(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let errors: Vec<&str> = lines
        .iter()
        .filter(|line| line.to_lowercase().contains("error") && !line.starts_with("at "))
        .map(|line| line.trim_start_matches("npm error "))
        .take(5)
        .collect();
    if errors.is_empty() { lines[lines.len().saturating_sub(4)..].join(" · ") } else { errors.join(" · ") }
}

fn replace_dir(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("{}: {error}", folder.display()))
        }
        _ => fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display())),
    }
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), String> {
    let folder = file.parent().expect("every file written here has a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, bytes))
        .map_err(|error| format!("{}: {error}", file.display()))
}
