//! Who gives out tokens in these tests: a key, what a broker verifies its signatures by, and an endpoint over HTTP that
//! a client asks for a token with its id and secret (RFC 6749, section 4.4).

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};

use crate::node::{CLIENT_SECRET, USER};

/// Whom the tokens are for.
pub(crate) const AUDIENCE: &str = "kafka-of-tests";
/// Who gives them out.
pub(crate) const ISSUER: &str = "https://tokens.example";

/// One key for all nodes of a run.
static KEY: LazyLock<EcdsaKeyPair> = LazyLock::new(|| {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).unwrap()
});

/// What signatures are verified by (RFC 7517).
pub(crate) fn jwks() -> String {
    // An uncompressed point: 4, x, y.
    let [_, point @ ..] = KEY.public_key().as_ref() else { unreachable!("a key isn't empty") };
    let (x, y) = point.split_at(32);
    format!(
        r#"{{"keys":[{{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":"1","x":"{}","y":"{}"}}]}}"#,
        base64url(x),
        base64url(y)
    )
}

/// A signed token (RFC 7519) for so long.
fn token(lifetime: Duration, audience: &str) -> String {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let head = base64url(br#"{"alg":"ES256","typ":"JWT","kid":"1"}"#);
    let claims = format!(
        r#"{{"sub":"{USER}","iss":"{ISSUER}","aud":"{audience}","iat":{now_s},"exp":{},"scope":"ticks"}}"#,
        now_s + lifetime.as_secs()
    );
    let signed = format!("{head}.{}", base64url(claims.as_bytes()));
    let signature = KEY.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", base64url(signature.as_ref()))
}

/// An endpoint that gives out tokens until the test's end.
pub(crate) struct TokenEndpoint {
    port: u16,
    given: Arc<Mutex<Vec<String>>>,
}

impl TokenEndpoint {
    /// Tokens of this lifetime, for whoever knows the secret.
    pub(crate) fn start(lifetime: Duration) -> Self {
        Self::start_for(lifetime, AUDIENCE)
    }

    /// The same for somebody else's broker.
    pub(crate) fn start_for(lifetime: Duration, audience: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, given) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<_>>>::default());
        let kept = Arc::clone(&given);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that hangs up halfway asks again.
                if let Ok(Some(token)) = stream.and_then(|stream| answer(&stream, lifetime, audience)) {
                    kept.lock().unwrap().push(token);
                }
            }
        });
        Self { port, given }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/token", self.port)
    }

    /// How many tokens were given out.
    pub(crate) fn given(&self) -> usize {
        self.given.lock().unwrap().len()
    }

    /// The tokens that were given out.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.given.lock().unwrap().clone()
    }
}

/// Answers one request; the token that was given, if one was.
fn answer(stream: &TcpStream, lifetime: Duration, audience: &str) -> std::io::Result<Option<String>> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut knows_secret) = (0, false);
    let expected = format!("Basic {}", base64(format!("{USER}:{CLIENT_SECRET}").as_bytes(), true));
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end();
        match line.split_once(':') {
            _ if line.is_empty() => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                knows_secret = value.trim() == expected;
            }
            _ => {}
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form)?;
    let is_granted = knows_secret && String::from_utf8_lossy(&form).contains("grant_type=client_credentials");
    let token = is_granted.then(|| token(lifetime, audience));
    let seconds = lifetime.as_secs();
    let (status, body) = match &token {
        Some(token) => {
            let body =
                format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{seconds}}}"#);
            ("200 OK", body)
        }
        None => ("401 Unauthorized", r#"{"error":"invalid_client"}"#.to_owned()),
    };
    let head = "Content-Type: application/json\r\nConnection: close";
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    Ok(token)
}

fn base64url(bytes: &[u8]) -> String {
    base64(bytes, false).replace('+', "-").replace('/', "_")
}

fn base64(bytes: &[u8], is_padded: bool) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits =
            three.iter().enumerate().fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for digit in 0..=three.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * digit)) as usize & 63]));
        }
        if is_padded {
            text.extend(std::iter::repeat_n('=', 3 - three.len()));
        }
    }
    text
}
