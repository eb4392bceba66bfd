//! What kind of request this is: a page load or anything else, from this site or another.
//!
//! Fetch Metadata (W3C) where browsers send it, else `Accept` and `Origin` (RFC 6454
//! section 7). Scripts cannot set `Sec-Fetch-*` or `Origin`; a client that is no browser
//! can, but then nobody's cookie is being abused.

use crate::http::Origin;

/// What a person sees of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A page that a browser shows: it may be sent to the provider.
    PageLoad,
    /// `fetch()`, an image, an API client: a redirect would only confuse it.
    Other,
}

/// The fields of a request that tell where it comes from and what for.
#[derive(Debug, Clone, Copy, Default)]
pub struct FetchMetadata<'a> {
    /// `:method`
    pub method: &'a [u8],
    /// `accept`
    pub accept: Option<&'a [u8]>,
    /// `sec-fetch-mode`
    pub sec_fetch_mode: Option<&'a [u8]>,
    /// `sec-fetch-site`
    pub sec_fetch_site: Option<&'a [u8]>,
    /// `origin`
    pub origin: Option<&'a [u8]>,
    /// `upgrade`
    pub upgrade: Option<&'a [u8]>,
}

/// Whether the request loads a page: GET or HEAD, and `Sec-Fetch-Mode: navigate`, or
/// without that field an `Accept` that names `text/html`.
#[must_use]
pub fn kind(request: &FetchMetadata<'_>) -> Kind {
    let reads = matches!(request.method, b"GET" | b"HEAD") && request.upgrade.is_none();
    let navigates = match request.sec_fetch_mode {
        Some(mode) => mode == b"navigate",
        None => request.accept.is_some_and(names_html),
    };
    if reads && navigates { Kind::PageLoad } else { Kind::Other }
}

/// Whether `Accept` names `text/html`, with any weight but none (RFC 9110 section 12.5.1).
fn names_html(accept: &[u8]) -> bool {
    accept.split(|byte| *byte == b',').any(|range| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(b"text/html"))
            && !parts.any(is_zero_weight)
    })
}

fn is_zero_weight(parameter: &[u8]) -> bool {
    match parameter {
        [b'q' | b'Q', b'=', weight @ ..] => weight.iter().all(|byte| b"0.".contains(byte)),
        _ => false,
    }
}

/// Whether another site makes the browser send what may change something: a method that
/// is not safe (RFC 9110 section 9.2.1), or a WebSocket, which CORS does not guard.
///
/// `Sec-Fetch-Site` decides where it is sent, else `Origin`. Another host of the same site
/// is another site, too: one weak sibling must not speak for this one. Neither field: no
/// browser that could be made to send this leaves both out.
#[must_use]
pub fn cross_site_unsafe(request: &FetchMetadata<'_>, own: &Origin) -> bool {
    let safe = matches!(request.method, b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE");
    if safe && request.upgrade.is_none() {
        return false;
    }
    match (request.sec_fetch_site, request.origin) {
        (Some(b"same-origin" | b"none"), _) | (None, None) => false,
        (Some(b"same-site") | None, Some(origin)) => !is_own(origin, own),
        (Some(_), _) => true,
    }
}

/// Whether the browser says that a page of this very origin sent the request. Not the
/// contrary of the above: who says nothing of it is no page of ours.
#[must_use]
pub fn same_origin(request: &FetchMetadata<'_>, own: &Origin) -> bool {
    match (request.sec_fetch_site, request.origin) {
        (Some(site), _) => site == b"same-origin",
        (None, origin) => origin.is_some_and(|origin| is_own(origin, own)),
    }
}

fn is_own(origin: &[u8], own: &Origin) -> bool {
    std::str::from_utf8(origin).is_ok_and(|text| Origin::parse(text).as_ref() == Ok(own))
}

#[cfg(test)]
mod tests;
