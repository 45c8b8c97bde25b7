//! The server that the tests of sockjs-protocol ask for, at an address of loopback:
//! `cargo run --example sockjs_echo -- 127.0.0.1:8081`

#![expect(clippy::print_stdout, reason = "it's a tool for tests")]

mod echo;

use std::net::TcpListener;

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8081".to_owned());
    let listener = TcpListener::bind(&address)?;
    if !listener.local_addr()?.ip().is_loopback() {
        return Err(std::io::Error::other(
            "expected an address of loopback: everybody may say everything here",
        ));
    }
    println!("http://{}", listener.local_addr()?);
    actix_web::rt::System::new().block_on(echo::serve(listener, 2, echo::Options::default())?)
}
