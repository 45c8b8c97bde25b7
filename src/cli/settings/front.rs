//! Settings of the front door: TLS, proxies before it, and how many are let in.

use std::path::PathBuf;

use clap::Args;

use crate::config::{
    self, ForwardedHeader, Invalid, Proxies, Rate, TlsFiles, TrustedProxy, accept_rate, whole_number,
};

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsArgs {
    /// PEM file with the server's certificate and those up to its authority; with --tls-key the server speaks https
    /// and wss only. Both files are read again on SIGHUP and when they change
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// PEM file with the certificate's private key
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Admission")]
pub(super) struct AdmissionArgs {
    /// Sessions open at a time in the whole process
    #[arg(long, value_name = "N", value_parser = whole_number(1..=10_000_000_usize), default_value = "20000")]
    max_connections: usize,
    /// Sessions open at a time from one client address (IPv6: from one /64); 0 for no limit. Loopback has none.
    /// Behind a proxy set --trusted-proxies, else all clients share the proxy's address
    // Some offices of 200, with a few tabs each, behind one address.
    #[arg(long, value_name = "N", value_parser = whole_number(0..=10_000_000_usize), default_value = "1000")]
    max_connections_per_ip: usize,
    /// New sessions a second in the whole process; 0 for no limit. Whoever is refused is told when to come again
    // 50 µs each, measured, are a tenth of a core. 20,000 that are told to wait come again over 10 s.
    #[arg(long, value_name = "PER_S", value_parser = accept_rate, default_value = "2000")]
    accept_rate: f64,
    /// New sessions at once, after a pause, in the whole process
    // As many as there may be: after a restart all come back together, and none of them is refused.
    #[arg(long, value_name = "N", value_parser = whole_number(1..=10_000_000_u32), default_value = "20000")]
    accept_burst: u32,
    /// New sessions a second from one client address (IPv6: from one /64); 0 for no limit. Loopback has none
    #[arg(long, value_name = "PER_S", value_parser = accept_rate, default_value = "20")]
    accept_rate_per_ip: f64,
    /// New sessions at once, after a pause, from one client address
    // An office of 200 behind one address, with two tabs each, comes back after a restart.
    #[arg(long, value_name = "N", value_parser = whole_number(1..=10_000_000_u32), default_value = "400")]
    accept_burst_per_ip: u32,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Proxies")]
pub(super) struct ProxyArgs {
    /// Addresses and networks of proxies whose word on a client's address is taken, separated by commas:
    /// 10.0.0.7,fd00::/8 [default: none]
    #[arg(long, value_name = "NETWORK", value_delimiter = ',')]
    trusted_proxies: Vec<TrustedProxy>,
    /// The header in which they tell it
    #[arg(long, value_name = "HEADER", value_enum, default_value = "x-forwarded-for")]
    forwarded_header: ForwardedHeader,
}

impl TlsArgs {
    pub(super) fn into_config(self) -> Result<Option<TlsFiles>, Invalid> {
        match (self.tls_certificate, self.tls_key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
            (Some(_), None) => Err(Invalid {
                keys: vec!["tls_certificate"],
                reason: "a certificate is of use together with its key only: set `tls_key` too".to_owned(),
            }),
            (None, Some(_)) => Err(Invalid {
                keys: vec!["tls_key"],
                reason: "a key is of use together with its certificate only: set `tls_certificate` too"
                    .to_owned(),
            }),
        }
    }
}

impl From<AdmissionArgs> for config::Admission {
    fn from(args: AdmissionArgs) -> Self {
        Self {
            sessions_max: args.max_connections,
            rate: rate(args.accept_rate, args.accept_burst),
            sessions_per_address_max: Some(args.max_connections_per_ip).filter(|max| *max > 0),
            rate_per_address: rate(args.accept_rate_per_ip, args.accept_burst_per_ip),
        }
    }
}

fn rate(per_s: f64, burst: u32) -> Rate {
    let burst = if per_s.is_finite() { f64::from(burst) } else { f64::INFINITY };
    Rate { per_s, burst }
}

impl From<ProxyArgs> for Proxies {
    fn from(args: ProxyArgs) -> Self {
        Self { trusted: args.trusted_proxies, header: args.forwarded_header }
    }
}
