//! Answers of the gate's own: a page for people, `application/problem+json` (RFC 9457) for
//! programs, redirects. None is ever stored: `Cache-Control: no-store` on all of them.

use crate::http::header::InvalidHeader;
use crate::http::{Fields, HeaderName, HeaderValue, LocalPath, Response, SetCookie};
use crate::session::KeptForm;
use crate::wire::Json;

use super::metrics::Outcome;
use super::page;
use super::refusal::Refusal;
use super::request::Arrival;
use super::resource::Pointer;

/// Seconds after which a client may ask again when the provider was not there.
const RETRY_AFTER: &str = "5";

/// An answer, and the cookies that go with it.
#[derive(Debug)]
pub struct Reply {
    response: Response,
    cookies: Vec<SetCookie>,
    outcome: Outcome,
}

impl Reply {
    /// Status, headers and body, without the cookies.
    #[must_use]
    pub const fn response(&self) -> &Response {
        &self.response
    }

    /// Cookies to set or remove.
    #[must_use]
    pub fn cookies(&self) -> &[SetCookie] {
        &self.cookies
    }

    /// What becomes of the request by it.
    pub(super) const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The same, with these cookies.
    #[must_use]
    pub(super) fn with_cookies(mut self, cookies: Vec<SetCookie>) -> Self {
        self.cookies = cookies;
        self
    }

    /// 302 to `location`. Never 307, which would send the request's body there.
    ///
    /// # Errors
    /// [`InvalidHeader`]: `location` is nothing that a header may carry.
    pub(super) fn redirect(outcome: Outcome, location: &str) -> Result<Self, InvalidHeader> {
        let mut reply = Self::new(outcome, 302, Vec::new());
        reply.add("location", HeaderValue::parse(location)?);
        Ok(reply)
    }

    /// 200 with a page that leads to `location` at once.
    pub(super) fn hand_over(outcome: Outcome, location: &str) -> Self {
        Self::page(outcome, 200, page::hand_over(location))
    }

    /// 401 with a page that leads to the provider, `location`, at once: a form is kept.
    pub(super) fn form_is_kept(location: &str, pointer: Option<&Pointer>) -> Self {
        let mut reply = Self::page(Outcome::LoginBegins, 401, page::form_is_kept(location));
        reply.add("www-authenticate", challenge_of(pointer, None));
        reply
    }

    /// 200 with a form that was kept, for its sender to send. `back` leads on without it.
    ///
    /// With `no-referrer` browsers would send it with `Origin: null`, which looks like another
    /// site's; the page's whole address, on the other hand, holds the code.
    pub(super) fn form(form: &KeptForm, fields: &Fields, back: &LocalPath) -> Self {
        let page = page::form(form.target().as_str(), fields, back.as_str());
        let mut reply = Self::new(Outcome::LoggedIn, 200, page.into_bytes());
        reply.add_page_headers(page::FORM_POLICY, "strict-origin");
        reply
    }

    /// 200 with a page that says that the form is not there any more.
    pub(super) fn form_is_gone(back: &LocalPath) -> Self {
        Self::page(Outcome::LoggedIn, 200, page::form_is_gone(back.as_str()))
    }

    /// 200 with JSON.
    pub(super) fn json(outcome: Outcome, value: &Json) -> Self {
        let mut reply = Self::new(outcome, 200, value.to_string().into_bytes());
        reply.add("content-type", HeaderValue::from_static("application/json"));
        reply.add("x-content-type-options", HeaderValue::from_static("nosniff"));
        reply
    }

    /// The same, readable by the scripts of any origin (CORS): for what everybody may know.
    #[must_use]
    pub(super) fn open_to_all(mut self) -> Self {
        self.add("access-control-allow-origin", HeaderValue::from_static("*"));
        self
    }

    /// 204: the scripts of any origin may read what is here, with what headers they like.
    pub(super) fn preflight(outcome: Outcome) -> Self {
        let mut reply = Self::new(outcome, 204, Vec::new()).open_to_all();
        reply.add("access-control-allow-methods", HeaderValue::from_static("GET, HEAD"));
        reply.add("access-control-allow-headers", HeaderValue::from_static("*"));
        reply.add("allow", HeaderValue::from_static("GET, HEAD, OPTIONS"));
        reply
    }

    /// 421, before anything else of the request is believed.
    pub(super) fn misdirected(refusal: &Refusal, arrival: &Arrival<'_>) -> Self {
        Self::refused(refusal, arrival, None, None)
    }

    /// The answer to a refused request. `login` is the login endpoint's path, `pointer` what a
    /// challenge tells besides.
    pub(super) fn refused(
        refusal: &Refusal,
        arrival: &Arrival<'_>,
        login: Option<&str>,
        pointer: Option<&Pointer>,
    ) -> Self {
        let login = match refusal {
            Refusal::TokenNeeded { login } => Some(login.as_str()),
            _ => login.filter(|_| refusal.offers_login()),
        };
        let (code, status, page) = (refusal.code(), refusal.status(), arrival.wants_page());
        let mut reply = if page {
            Self::page(code, status, page::html(refusal, login))
        } else {
            let mut reply = Self::new(code, status, problem(refusal, login).into_bytes());
            let problem = HeaderValue::from_static("application/problem+json");
            reply.add("content-type", problem);
            reply.add("x-content-type-options", HeaderValue::from_static("nosniff"));
            reply
        };
        if let Some(challenge) = challenge(refusal, pointer) {
            reply.add("www-authenticate", challenge);
        }
        match refusal {
            Refusal::MethodNotAllowed { allow } => {
                reply.add("allow", HeaderValue::from_static(allow));
            }
            _ if status == 503 => {
                reply.add("retry-after", HeaderValue::from_static(RETRY_AFTER));
            }
            _ => {}
        }
        reply
    }

    fn page(outcome: Outcome, status: u16, page: String) -> Self {
        let mut reply = Self::new(outcome, status, page.into_bytes());
        reply.add_page_headers(page::POLICY, "no-referrer");
        reply
    }

    fn new(outcome: Outcome, status: u16, body: Vec<u8>) -> Self {
        let no_store =
            (HeaderName::from_static("cache-control"), HeaderValue::from_static("no-store"));
        let response = Response { status, headers: vec![no_store], body };
        Self { response, cookies: Vec::new(), outcome }
    }

    fn add_page_headers(&mut self, policy: &'static str, referrer: &'static str) {
        self.add("content-type", HeaderValue::from_static("text/html; charset=utf-8"));
        self.add("x-content-type-options", HeaderValue::from_static("nosniff"));
        self.add("content-security-policy", HeaderValue::from_static(policy));
        self.add("referrer-policy", HeaderValue::from_static(referrer));
    }

    fn add(&mut self, name: &'static str, value: HeaderValue) {
        self.response.headers.push((HeaderName::from_static(name), value));
    }
}

/// `WWW-Authenticate` (RFC 6750 section 3): without credentials no error code.
fn challenge(refusal: &Refusal, pointer: Option<&Pointer>) -> Option<HeaderValue> {
    let (error, description) = match refusal {
        Refusal::Unauthenticated
        | Refusal::FormNotSent { .. }
        | Refusal::TokenNeeded { .. }
        | Refusal::NoBearer => {
            return Some(challenge_of(pointer, None));
        }
        Refusal::Bearer(_) | Refusal::BearerMalformed(_) => {
            (refusal.code().as_str(), refusal.to_string())
        }
        // RFC 6750 section 3.1: the token is right, and does not do for this.
        Refusal::BearerRight(_) => ("insufficient_scope", refusal.to_string()),
        _ => return None,
    };
    Some(challenge_of(pointer, Some((error, &description))))
}

/// `Bearer` and its parameters. The description is last, since it holds words of the token's: those
/// who look for `scope=` or `resource_metadata=` without reading quotes find ours first.
fn challenge_of(pointer: Option<&Pointer>, error: Option<(&str, &str)>) -> HeaderValue {
    let mut parameters = Vec::new();
    if let Some(Pointer { metadata_url, scope }) = pointer {
        parameters.push(format!("resource_metadata=\"{metadata_url}\""));
        parameters.extend(scope.iter().map(|scope| format!("scope=\"{scope}\"")));
    }
    if let Some((error, description)) = error {
        // RFC 6750 section 3: %x20-21 / %x23-5B / %x5D-7E, so neither quotes nor backslashes.
        let plain = |c: char| match c {
            '"' => '\'',
            ' '..='~' if c != '\\' => c,
            _ => '?',
        };
        let description: String = description.chars().map(plain).take(300).collect();
        parameters.push(format!("error=\"{error}\", error_description=\"{description}\""));
    }
    let bearer = HeaderValue::from_static("Bearer");
    if parameters.is_empty() {
        return bearer;
    }
    HeaderValue::parse(format!("Bearer {}", parameters.join(", "))).unwrap_or(bearer)
}

/// RFC 9457; `code` is the name of the refusal for scripts, `login` where to sign in.
fn problem(refusal: &Refusal, login: Option<&str>) -> String {
    let text = |text: &str| Json::String(text.to_owned());
    let mut members = vec![
        ("type".to_owned(), text("about:blank")),
        ("title".to_owned(), text(refusal.title())),
        ("status".to_owned(), Json::Integer(i64::from(refusal.status()))),
        ("detail".to_owned(), Json::String(refusal.to_string())),
        ("code".to_owned(), text(refusal.code().as_str())),
    ];
    if let Some(token) = refusal.token() {
        members.push(("token".to_owned(), Json::String(token.token.to_string())));
        let expected = token.expected().map(|value| ("expected".to_owned(), Json::String(value)));
        let found = token.found().map(|value| ("found".to_owned(), Json::String(value)));
        members.extend(expected.into_iter().chain(found));
    }
    if let Some(advice) = refusal.advice() {
        members.push(("advice".to_owned(), Json::String(advice)));
    }
    if let Some(login) = login {
        members.push(("login".to_owned(), text(login)));
    }
    Json::Object(members).to_string()
}
