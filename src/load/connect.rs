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

/// Connections from one address of loopback. Each has some 28,000 ports, of which Linux takes every other one first, and
/// it searches long when those are taken. Measured at 19,900 sessions: 360 µs of CPU time a session from one address,
/// 54 µs from five.
const CONNECTIONS_OF_SOURCE: usize = 4096;

/// Begins the connection of this number; it stands when its socket can be written.
pub(super) fn connect(server: SocketAddr, number: usize, is_stalled: bool) -> io::Result<TcpStream> {
    // All of 127.0.0.0/8 is this machine's, on Linux.
    let is_local = cfg!(target_os = "linux") && server.is_ipv4() && server.ip().is_loopback();
    let last = 1 + u8::try_from(number / CONNECTIONS_OF_SOURCE).unwrap_or(u8::MAX - 1);
    let source = (is_local && last > 1).then(|| Ipv4Addr::new(127, 0, 0, last));
    begin(server, is_stalled, source)
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
