//! Which symbols a server has: its `/api/symbols`, asked over plain HTTP.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde::Deserialize;

use super::session::cause;

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListError {
    /// Nobody answers.
    #[error("{}", cause(.0))]
    Io(#[from] std::io::Error),
    /// What answers isn't a tickcast server, or isn't ready.
    #[error("GET /api/symbols is answered with {0}")]
    Answer(String),
}

#[derive(Deserialize)]
struct List {
    symbols: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    symbol: String,
}

/// How long an answer may pause.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A list of the 100,000 symbols that a server holds by default takes some 10 MiB.
const ANSWER_BYTES_MAX: u64 = 1 << 30;

/// The symbols that the server lists. `authority` is its `host:port`.
pub(super) fn list(server: SocketAddr, authority: &str) -> Result<Vec<String>, ListError> {
    let mut stream = TcpStream::connect_timeout(&server, PAUSE_MAX)?;
    stream.set_read_timeout(Some(PAUSE_MAX))?;
    stream.set_write_timeout(Some(PAUSE_MAX))?;
    // The answer of HTTP/1.0 ends with the connection and has no chunks.
    write!(stream, "GET /api/symbols HTTP/1.0\r\nHost: {authority}\r\nAccept: application/json\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    read(&answer)
}

fn read(answer: &[u8]) -> Result<Vec<String>, ListError> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(body_at)) = response.parse(answer) else {
        return Err(ListError::Answer("something that isn't HTTP".to_owned()));
    };
    let status = response.code.unwrap_or_default();
    if status != 200 {
        let reason = response.reason.unwrap_or_default();
        return Err(ListError::Answer(format!("{status} {reason}").trim().to_owned()));
    }
    let list: List = serde_json::from_slice(&answer[body_at..])
        .map_err(|_| ListError::Answer("something that isn't a list of symbols".to_owned()))?;
    Ok(list.symbols.into_iter().map(|listed| listed.symbol).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_and_anything_else_named() {
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n\
                      {\"symbols\":[{\"symbol\":\"A\",\"seq\":1},{\"symbol\":\"BRK.B\"}]}";
        assert_eq!(read(answer.as_bytes()).unwrap(), ["A", "BRK.B"]);
        for (answer, expected) in [
            ("SSH-2.0\r\n", "something that isn't HTTP"),
            ("", "something that isn't HTTP"),
            ("HTTP/1.1 404 Not Found\r\n\r\n", "404 Not Found"),
            ("HTTP/1.1 200 OK\r\n\r\n<html>", "something that isn't a list of symbols"),
            ("HTTP/1.1 200 OK\r\n\r\n{\"symbols\":[", "something that isn't a list of symbols"),
        ] {
            let error = read(answer.as_bytes()).unwrap_err().to_string();
            assert_eq!(error, format!("GET /api/symbols is answered with {expected}"));
        }
    }
}
