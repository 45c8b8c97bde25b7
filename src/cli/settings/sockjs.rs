//! The settings of SockJS.

use std::time::Duration;

use clap::Args;

use crate::config::{self, Invalid, seconds, sockjs_base, sockjs_client_url, whole_number};

#[derive(Debug, Args)]
#[command(next_help_heading = "SockJS")]
pub(super) struct SockjsArgs {
    /// Paths at which SockJS is served, separated by commas; `none` for no SockJS
    #[arg(long, value_name = "PATH", value_delimiter = ',', value_parser = sockjs_base,
        default_value = "/sockjs,/portfolio")]
    sockjs_bases: Vec<String>,
    /// Seconds without a receiving request after which a session is over
    #[arg(long, value_name = "S", value_parser = seconds(0.1..=3600.0), default_value = "5")]
    sockjs_disconnect_delay_s: Duration,
    /// Bytes after which a streaming answer ends, and the client asks for the next one
    #[arg(long, value_name = "BYTES", value_parser = whole_number(1024..=1_073_741_824_usize),
        default_value = "131072")]
    sockjs_stream_limit_bytes: usize,
    /// Bytes of the largest request that sends; a page that subscribes to 1,024 symbols at once sends some 200 KB
    #[arg(long, value_name = "BYTES", value_parser = whole_number(1024..=16_777_216_usize),
        default_value = "262144")]
    sockjs_send_limit_bytes: usize,
    /// Sets the cookie JSESSIONID, by which load balancers keep a session's requests on one server
    #[arg(long)]
    sockjs_cookie: bool,
    /// Serves the iframe page, htmlfile and JSONP too: transports of browsers that are gone. Foreign pages can be told
    /// by no origin there
    #[arg(long)]
    sockjs_legacy_transports: bool,
    /// Where the iframe page has sockjs-client from
    #[arg(long, value_name = "URL", value_parser = sockjs_client_url,
        default_value = "https://cdn.jsdelivr.net/npm/sockjs-client@1.6.1/dist/sockjs.min.js")]
    sockjs_client_url: String,
}

impl TryFrom<SockjsArgs> for config::Sockjs {
    type Error = Invalid;

    fn try_from(args: SockjsArgs) -> Result<Self, Invalid> {
        let mut bases = args.sockjs_bases;
        if bases.iter().any(|base| base == config::NO_SOCKJS) {
            if bases.len() > 1 {
                let reason = "`none` stands for itself: expected either paths or `none`".to_owned();
                return Err(Invalid { keys: vec!["sockjs_bases"], reason });
            }
            bases.clear();
        }
        Ok(Self {
            bases,
            disconnect_delay: args.sockjs_disconnect_delay_s,
            stream_limit_bytes: args.sockjs_stream_limit_bytes,
            send_limit_bytes: args.sockjs_send_limit_bytes,
            cookie: args.sockjs_cookie,
            legacy_transports: args.sockjs_legacy_transports,
            client_url: args.sockjs_client_url,
        })
    }
}
