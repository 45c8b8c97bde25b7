//! TLS: a certificate and its key, read from two files, and exchanged while the server runs.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use tokio_rustls::rustls::{
    self, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
};

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the server's certificate, then those between it and the authority.
    pub certificate: PathBuf,
    /// PEM: the certificate's private key.
    pub key: PathBuf,
}

/// Why a pair of files can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The certificate's file.
    #[error("{0}")]
    Certificate(String),
    /// The key's file.
    #[error("{0}")]
    Key(String),
    /// Both of them.
    #[error("{0}")]
    Pair(String),
}

/// The certificate and key in use.
pub struct Certificates {
    files: TlsFiles,
    current: RwLock<Arc<ServerConfig>>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// Says which file is wrong, and how.
    pub fn read(files: TlsFiles) -> Result<Self, TlsError> {
        let current = RwLock::new(Arc::new(files.read()?));
        Ok(Self { files, current })
    }

    /// Reads the files anew. Connections that stand keep what they have.
    ///
    /// # Errors
    /// Says which file is wrong, and how; the pair that was in use stays so.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = Arc::new(self.files.read()?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// What a new connection's handshake is made with.
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where they are read from.
    pub const fn files(&self) -> &TlsFiles {
        &self.files
    }
}

impl TlsFiles {
    /// Checks that the files can be used.
    ///
    /// # Errors
    /// As [`Certificates::read`].
    pub fn check(&self) -> Result<(), TlsError> {
        self.read().map(drop)
    }

    fn read(&self) -> Result<ServerConfig, TlsError> {
        let Self { certificate, key } = self;
        let chain = read_chain(certificate)?;
        let private = read_key(key)?;
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has cipher suites for TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(|error| self.unusable(&error))?;
        // A browser that is offered HTTP/2 opens WebSockets over it (RFC 8441) where it may.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Whoever comes back within hours is spared the signature, which is what a handshake costs.
        config.ticketer = ring::Ticketer::new()
            .map_err(|error| TlsError::Pair(format!("no key for session tickets: {error}")))?;
        Ok(config)
    }

    fn unusable(&self, error: &rustls::Error) -> TlsError {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        match error {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::Pair(format!("the key in {key} is not that of the certificate in {certificate}"))
            }
            rustls::Error::InvalidCertificate(error) => {
                TlsError::Certificate(format!("the certificate in {certificate} can't be used: {error:?}"))
            }
            error => TlsError::Key(format!("the key in {key} can't be used: {error}")),
        }
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let shown = path.display();
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| TlsError::Certificate(format!("{shown}: {}", reason(error))))?;
    if chain.is_empty() {
        return Err(TlsError::Certificate(format!("{shown} holds no certificate: expected one in PEM")));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let shown = path.display();
    PrivateKeyDer::from_pem_file(path).map_err(|error| {
        TlsError::Key(match error {
            pem::Error::NoItemsFound => {
                format!("{shown} holds no private key: expected one in PEM, not encrypted")
            }
            error => format!("{shown}: {}", reason(error)),
        })
    })
}

/// Never a byte of the file: it may be a key.
fn reason(error: pem::Error) -> String {
    match error {
        pem::Error::Io(error) => format!("can't be read: {error}"),
        _ => "isn't PEM".to_owned(),
    }
}
