//! GET, with a limit for everything: the provider is somebody else's machine.
//!
//! One request is one connection; no redirect is followed, as the host's calls follow none, and
//! nothing is sent but what the gate's own call has: no cookie, no credentials.

use std::cell::OnceCell;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use oidc_gate::http::{Scheme, Url};
use oidc_gate::provider::{Answer, HttpCall, LONGEST_BODY};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};
use ureq::{Agent, Error};

use crate::input;

/// One byte more than the gate reads, so that it can say that it was too much.
const MOST: u64 = LONGEST_BODY as u64 + 1;

/// Whoever asks, and whose certificates it trusts.
pub(crate) struct Web {
    /// The file of `--ca`.
    ca: Option<String>,
    roots: OnceCell<Result<RootCerts, String>>,
}

/// What came back.
pub(super) struct Got {
    status: u16,
    content_type: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Got {
    /// As the gate reads it.
    pub(super) fn answer(&self) -> Answer<'_> {
        let content_type = self.content_type.as_deref();
        Answer { status: Some(self.status), content_type, body: &self.body }
    }
}

/// Why nothing came back, and what to do.
pub(super) struct Unreached {
    pub(super) what: String,
    pub(super) hint: &'static str,
}

const REACH: &str = "check the address, and that the provider can be reached from here";
const TRUST: &str = "--ca FILE names the certificates (PEM) to trust instead of the system's; \
                     the host's cluster needs them, too";

impl Web {
    /// Trusts the certificates in the file `ca`, or those of this system.
    pub(crate) const fn new(ca: Option<String>) -> Self {
        Self { ca, roots: OnceCell::new() }
    }

    /// The certificates that are trusted, read when they are first needed.
    ///
    /// # Errors
    /// A sentence where the file cannot be read.
    pub(crate) fn roots(&self) -> Result<&RootCerts, String> {
        let roots = self.roots.get_or_init(|| match &self.ca {
            Some(path) => of_file(path),
            None => of_system(),
        });
        roots.as_ref().map_err(Clone::clone)
    }

    /// Carries out a call that has no body, at `url`; `authority` is the configured one.
    ///
    /// # Errors
    /// [`Unreached`] where there is no answer at all.
    pub(super) fn get(
        &self,
        call: &HttpCall,
        url: &Url,
        authority: Option<&str>,
    ) -> Result<Got, Unreached> {
        let trust = |what| Unreached { what, hint: TRUST };
        let mut tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        if url.scheme() == Scheme::Https {
            tls = tls.root_certs(self.roots().map_err(trust)?.clone());
        }
        let agent: Agent = Agent::config_builder()
            .timeout_global(Some(call.timeout))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .tls_config(tls.build())
            .build()
            .into();
        let mut request = agent.get(url.as_str());
        for (name, value) in call.headers.iter().filter(|(name, _)| !name.starts_with(':')) {
            request = request.header(name, value);
        }
        if let Some(authority) = authority {
            request = request.header("host", authority);
        }
        let failed = |error| unreached(error, call.timeout);
        let mut response = request.call().map_err(failed)?;
        let content_type = response.headers().get("content-type");
        let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        let mut reader = response.body_mut().as_reader().take(MOST);
        reader.read_to_end(&mut body).map_err(|error| failed(Error::from(error)))?;
        Ok(Got { status: response.status().as_u16(), content_type, body })
    }
}

fn of_file(path: &str) -> Result<RootCerts, String> {
    let name = input::name(path);
    let text = input::read(path)?;
    let mut certificates = Vec::new();
    for item in ureq::tls::parse_pem(text.as_bytes()) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            // A key beside them is none of ours.
            Ok(_) => {}
            Err(_) => {
                return Err(format!("{name}: expected certificates as PEM, found other text"));
            }
        }
    }
    if certificates.is_empty() {
        return Err(format!("{name}: expected certificates as PEM, found none"));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

fn of_system() -> Result<RootCerts, String> {
    // A certificate that cannot be read is one that is not trusted; where none is left, that is said.
    let found = rustls_native_certs::load_native_certs();
    let certificates: Vec<_> =
        found.certs.iter().map(|it| Certificate::from_der(it).to_owned()).collect();
    if certificates.is_empty() {
        let what = "this system has no certificates to trust (Debian's package ca-certificates)";
        return Err(what.to_owned());
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

fn unreached(error: Error, timeout: Duration) -> Unreached {
    let (what, hint) = match error {
        Error::Timeout(_) => {
            let what = format!("found none within {timeout:?}");
            (what, "check the address; `provider.timeout` says how long an answer is waited for")
        }
        Error::HostNotFound => ("its host name is not known here".to_owned(), REACH),
        Error::Rustls(error) => (format!("its TLS is not trusted: {error}"), TRUST),
        Error::Tls(error) => (format!("its TLS is not trusted: {error}"), TRUST),
        Error::Protocol(error) => (format!("it is no HTTP: {error}"), REACH),
        Error::Io(error) => match tls_error(&error) {
            Some(error) => (format!("its TLS is not trusted: {error}"), TRUST),
            None => (error.to_string(), REACH),
        },
        other => (other.to_string(), REACH),
    };
    Unreached { what: format!("expected an answer: {what}"), hint }
}

/// What TLS has to say, where it is told as an error of the connection.
fn tls_error(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}
