//! One `GET`: through a proxy where the environment names one, with time limits for silence and none for the whole.

use std::{io, io::Read, sync::Arc, time::Duration};

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{Client, Response, header::HeaderMap};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::runtime::{Builder, Runtime};

const CONNECT: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(60);

/// The answer of a server.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Number and words, e.g. `404 Not Found`.
    pub(crate) said: String,
    headers: HeaderMap,
    pub(crate) body: Body,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
    }
}

/// The bytes that follow.
pub(crate) struct Body {
    runtime: Runtime,
    response: Response,
    piece: Vec<u8>,
    at: usize,
    proxy: Option<String>,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.runtime.block_on(self.response.chunk()) {
                Ok(Some(piece)) => (self.piece, self.at) = (piece.to_vec(), 0),
                Ok(None) => return Ok(0),
                Err(error) => return Err(io::Error::other(describe(&error, self.proxy.as_deref()))),
            }
        }
        let count = buffer.len().min(self.piece.len() - self.at);
        buffer[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// Asks for `address`; redirections are followed. `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in upper or lower
/// case, mean what they mean to curl: an `http://` address is asked of its proxy, an `https://` address through a tunnel.
///
/// # Errors
/// Why there is no answer, with the proxy that was asked.
pub(crate) fn get(address: &str, headers: &[(&'static str, String)]) -> Result<Answer, String> {
    let proxy = proxy_of(address);
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let client = client().map_err(|error| describe(&error, None))?;
    let mut request = client.get(address).header("Accept-Encoding", "identity");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let response = runtime.block_on(async { request.send().await }).map_err(|error| {
        let proxy = error.url().map_or(proxy.clone(), |url| proxy_of(url.as_str()));
        describe(&error, proxy.as_deref())
    })?;
    Ok(Answer {
        status: response.status().as_u16(),
        said: match &proxy {
            // A proxy may have answered in its place.
            Some(proxy) => format!("{} (through the proxy {proxy})", response.status()),
            None => response.status().to_string(),
        },
        headers: response.headers().clone(),
        body: Body { runtime, response, piece: vec![], at: 0, proxy },
    })
}

/// The proxy that the environment names for `address`, without its password.
fn proxy_of(address: &str) -> Option<String> {
    let proxy = Matcher::from_system().intercept(&address.parse().ok()?)?;
    Some(proxy.uri().to_string())
}

/// Trusts the certificates of the machine, and the usual ones where it has none.
fn client() -> Result<Client, reqwest::Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let builder = || {
        Client::builder()
            .user_agent(concat!("bench/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
    };
    let tls =
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
    if let Ok(tls) = tls {
        let tls = tls.with_root_certificates(roots).with_no_client_auth();
        match builder().use_preconfigured_tls(tls).build() {
            Ok(client) => return Ok(client),
            Err(error) => tracing::debug!("only the certificates of the machine are used: {error}"),
        }
    }
    builder().build()
}

/// An error with its causes, and the proxy that stood between.
fn describe(error: &reqwest::Error, proxy: Option<&str>) -> String {
    let mut text = vec![];
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        // The first names the address, which the message has already.
        let line = error.to_string();
        if !line.starts_with("error sending request") && text.last() != Some(&line) {
            text.push(line);
        }
        next = error.source();
    }
    let text = if text.is_empty() { error.to_string() } else { text.join(": ") };
    match proxy {
        Some(proxy) => format!(
            "through the proxy {proxy}: {text} (HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names that proxy, NO_PROXY the hosts \
             without one)"
        ),
        None => text,
    }
}
