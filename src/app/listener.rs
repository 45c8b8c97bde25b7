//! The listening socket, and what is said about it.

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpListener, ToSocketAddrs},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    config::{self, Topic},
    failure::Failure,
};

/// Bytes of a client that the kernel keeps until they are read; it allows twice as many for its own
/// bookkeeping. Clients say little: twice the longest frame at its default, where the kernel would take
/// 6 MiB of a flood from each.
const RECEIVE_BUFFER_BYTES: usize = 128 * 1024;

/// Opens the listening socket.
///
/// # Errors
/// A start-up failure that names the address.
pub(super) fn listen(config: &config::Server) -> Result<TcpListener, Failure> {
    let address = &config.listen;
    let open = || -> io::Result<TcpListener> {
        let target = (address.host.as_str(), address.port)
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| io::Error::other("the name has no address"))?;
        let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        // Accepted sockets have it from here: the window that is offered in the handshake depends on it.
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
        if let Some(bytes) = config.socket_send_buffer_bytes {
            socket.set_send_buffer_size(bytes.try_into().map_err(io::Error::other)?)?;
        }
        socket.bind(&target.into())?;
        socket.listen(config.listen_backlog.into())?;
        Ok(socket.into())
    };
    open().map_err(|error| Failure::start_up(format_args!("can't listen on {address}: {error}")))
}

/// What a start tells.
pub(super) struct Announcement<'a> {
    pub(super) address: SocketAddr,
    pub(super) is_tls: bool,
    pub(super) bootstrap: &'a str,
    pub(super) topic: &'a Topic,
    pub(super) is_embedded: bool,
}

impl Announcement<'_> {
    /// Tells a person, and the script that started this, where everything is.
    pub(super) fn print(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let scheme = if self.is_tls { "https" } else { "http" };
        writeln!(out, "page    {scheme}://{}/", self.address)?;
        writeln!(out, "kafka   {} topic {}", self.bootstrap, self.topic)?;
        if self.is_embedded {
            writeln!(out, "        this broker is embedded: for development only, it keeps nothing")?;
        }
        out.flush()
    }
}
