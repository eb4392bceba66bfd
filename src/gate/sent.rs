//! What tokens become in a request to the upstream: `Authorization` and identity headers.

use std::fmt::Write as _;
use std::rc::Rc;

use crate::config::{Config, UpstreamHeader};
use crate::crypto::Secret;
use crate::http::{HeaderName, HeaderValue};
use crate::token::{self, AccessToken, IdToken};
use crate::wire::Json;

use super::access_log::Who;

/// The longest structure that is sent, in bytes: hosts refuse requests with much more.
const LONGEST_STRUCTURE: usize = 8 * 1024;

/// What goes upstream with tokens that do not change, made ready once for all requests.
#[derive(Debug)]
pub(super) struct Sent {
    /// `Authorization`, where one is sent.
    pub(super) authorization: Option<Rc<HeaderValue>>,
    /// Identity headers.
    pub(super) headers: Rc<[(HeaderName, HeaderValue)]>,
    /// Whom the host's access log names, where it asks for that.
    pub(super) who: Option<Rc<Who>>,
}

impl Sent {
    /// Of these tokens, by this configuration. `authorization` is the one to send as such,
    /// `session` the id of theirs.
    pub(super) fn new(
        config: &Config,
        authorization: Option<&Secret>,
        id_token: Option<&IdToken>,
        access_token: Option<&AccessToken>,
        session: Option<&[u8; 16]>,
    ) -> Self {
        let headers = config.upstream.headers.iter().filter_map(|header| {
            Some((header.name.clone(), claim_value(header, id_token, access_token)?))
        });
        let authorization = authorization.and_then(bearer_value).map(Rc::new);
        let who = Who::new(config, id_token, access_token, session);
        Self { authorization, headers: headers.collect(), who }
    }

    /// About how many bytes of memory it takes.
    pub(super) fn size(&self) -> usize {
        let texts = self.headers.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        let texts = texts.chain(self.authorization.as_ref().map(|value| value.as_str()));
        let texts = texts.map(str::len).fold(size_of_val(&*self.headers), usize::saturating_add);
        texts.saturating_add(self.who.as_ref().map_or(0, |who| who.size()))
    }
}

/// `Bearer <token>` (RFC 6750 section 2.1), where a header can carry the token.
fn bearer_value(token: &Secret) -> Option<HeaderValue> {
    HeaderValue::parse(format!("Bearer {}", token.expose())).ok()
}

/// The value of an identity header. A claim that is not there, or that no header can
/// carry, leaves the header out: it is never cut or guessed.
fn claim_value(
    header: &UpstreamHeader,
    id_token: Option<&IdToken>,
    access_token: Option<&AccessToken>,
) -> Option<HeaderValue> {
    let claim = token::claim(&header.claim, id_token, access_token)?;
    let is_structure = |value: &Json| matches!(value, Json::Array(_) | Json::Object(_));
    let text = match claim {
        Json::Array(members) if !members.iter().any(is_structure) => {
            let texts: Option<Vec<String>> = members.iter().map(member_text).collect();
            texts?.join(", ")
        }
        Json::Array(_) | Json::Object(_) => structure_text(claim)?,
        scalar => scalar_text(scalar)?,
    };
    HeaderValue::parse(text).ok()
}

/// JSON (RFC 8259) in ASCII, which no header changes on its way: a character beyond it can stand
/// in a string only, and is escaped there (section 7).
fn structure_text(claim: &Json) -> Option<String> {
    let json = claim.to_string();
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            text.push(character);
            continue;
        }
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            write!(text, "\\u{unit:04x}").ok()?;
        }
    }
    (text.len() <= LONGEST_STRUCTURE).then_some(text)
}

/// A member of a list (RFC 9110 section 5.6.1): one with a comma would read as two.
fn member_text(member: &Json) -> Option<String> {
    scalar_text(member).filter(|text| !text.contains(','))
}

fn scalar_text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Integer(_) | Json::Float(_) | Json::Bool(_) => Some(value.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
