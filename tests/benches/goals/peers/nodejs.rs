//! The server on `ws` for Node.js.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::Command,
};

use anyhow::Result;

use crate::{process::Process, system::Side};

/// It runs.
pub(super) struct Nodejs {
    process: Process,
    pub(super) address: SocketAddr,
}

impl Nodejs {
    pub(super) fn start(corks: bool) -> Result<Self> {
        const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/benches/peers/node-ws.mjs");
        let mut command = Command::new("node");
        command.arg(PROGRAM);
        if corks {
            command.arg("--cork");
        }
        let process = Process::start(command, Side::Server)?;
        let port: u16 = process.line_after("port")?.parse()?;
        Ok(Self { process, address: (Ipv4Addr::LOCALHOST, port).into() })
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }
}
