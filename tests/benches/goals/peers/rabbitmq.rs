//! RabbitMQ with Web-STOMP, from Debian's packages as tests/bench.sh unpacks them: a node of its own with its own
//! configuration, data, ports and port mapper, of which nothing is left afterwards.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    pace::wait,
    process::{PATIENCE, Process},
    system::Side,
};

/// Where the packages are unpacked.
const UNPACKED: &str = "TICKCAST_BENCH_RABBITMQ";

/// It runs. The node ends before its port mapper, and its data last.
pub(super) struct Rabbitmq {
    node: Process,
    _mapper: Process,
    _data: tempfile::TempDir,
    pub(super) address: SocketAddr,
}

impl Rabbitmq {
    pub(super) fn start() -> Result<Self> {
        let unpacked = std::env::var_os(UNPACKED).map(PathBuf::from);
        let unpacked =
            unpacked.with_context(|| format!("{UNPACKED} doesn't tell where RabbitMQ is unpacked"))?;
        let data = tempfile::tempdir()?;
        // RabbitMQ takes no port 0.
        let [stomp, distribution, mapping] = free_ports()?;
        let erlang = unpacked.join("usr/lib/erlang/bin");
        let mut mapper = Command::new(erlang.join("epmd"));
        // It complains of who only looks whether it listens.
        mapper.args(["-port", &mapping.to_string(), "-address", "127.0.0.1"]).stderr(Stdio::null());
        let mapper = Process::start(mapper, Side::Client)?;
        await_listener(mapping)?;
        let configuration = format!(
            "listeners.tcp = none\nstomp.listeners.tcp = none\nweb_stomp.tcp.ip = 127.0.0.1\n\
             web_stomp.tcp.port = {stomp}\nlog.console = true\nlog.console.level = error\n"
        );
        fs::write(data.path().join("rabbitmq.conf"), configuration)?;
        fs::write(data.path().join("plugins"), "[rabbitmq_web_stomp].\n")?;
        let mut command = Command::new(server_script(&unpacked)?);
        let path = |name| data.path().join(name);
        command
            .arg("-noinput")
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", erlang.display()))
            .env("HOME", data.path())
            .env("LANG", "C.UTF-8")
            // The virtual machine itself, and no script that waits for it.
            .env("RABBITMQ_ALLOW_INPUT", "1")
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", path("plugins"))
            .env("RABBITMQ_MNESIA_BASE", path("mnesia"))
            .env("RABBITMQ_LOG_BASE", path("log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_NODENAME", format!("goals{stomp}@localhost"))
            .env("RABBITMQ_DIST_PORT", distribution.to_string())
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
            .env("ERL_EPMD_PORT", mapping.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1");
        let node = Process::start(command, Side::Server)?;
        await_listener(stomp)?;
        Ok(Self { node, _mapper: mapper, _data: data, address: (Ipv4Addr::LOCALHOST, stomp).into() })
    }

    pub(super) fn id(&self) -> u32 {
        self.node.id()
    }
}

/// Ports that nobody listens at. Somebody else may take one before RabbitMQ does, which then doesn't start.
fn free_ports() -> Result<[u16; 3]> {
    let listener = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    // All at once, so that they differ.
    let listeners = [listener()?, listener()?, listener()?];
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

fn await_listener(port: u16) -> Result<()> {
    let begun = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        ensure!(begun.elapsed() < PATIENCE, "nobody listens at port {port}");
        wait(Duration::from_millis(50));
    }
    Ok(())
}

/// `rabbitmq-server`, whose directory has the version in its name.
fn server_script(unpacked: &Path) -> Result<PathBuf> {
    let versions = unpacked.join("usr/lib/rabbitmq/lib");
    let mut found = fs::read_dir(&versions).with_context(|| versions.display().to_string())?;
    let version = found.next().with_context(|| format!("{} is empty", versions.display()))??;
    Ok(version.path().join("sbin/rabbitmq-server"))
}
