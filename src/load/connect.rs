//! Connections to the server, begun without waiting for them.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

/// What a session that never reads takes into its socket: the least that Linux gives, 2 KiB or so, that its silence is
/// soon felt.
const STALLED_RECEIVE_BYTES: usize = 2048;

/// Addresses of loopback that connections come from, one after the other when one has no port left. Each has some
/// 28,000; a process has descriptors for fewer, but those of a run before may be in TIME_WAIT for a minute.
const LOOPBACK_SOURCES: u8 = 8;

/// Begins a connection; it stands when its socket can be written.
pub(super) fn connect(server: SocketAddr, is_stalled: bool) -> io::Result<TcpStream> {
    let begun = begin(server, is_stalled, None);
    let is_local = cfg!(target_os = "linux") && server.is_ipv4() && server.ip().is_loopback();
    match begun {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable && is_local => {
            let sources = (2..2 + LOOPBACK_SOURCES).map(|last| Ipv4Addr::new(127, 0, 0, last));
            let mut tries = sources.map(|source| begin(server, is_stalled, Some(source)));
            tries.find(Result::is_ok).unwrap_or(Err(error))
        }
        begun => begun,
    }
}

fn begin(server: SocketAddr, is_stalled: bool, source: Option<Ipv4Addr>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    if is_stalled {
        // Before the connection is made: afterwards the window that was offered stays.
        socket.set_recv_buffer_size(STALLED_RECEIVE_BYTES)?;
    }
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(IpAddr::V4(source), 0).into())?;
    }
    match socket.connect(&server.into()) {
        Ok(()) => {}
        Err(error) if is_on_its_way(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}

fn is_on_its_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::EINPROGRESS)
}
