//! A form that a person sends when the session is over. It is not sent on; it is kept in the
//! browser until its sender has signed in, or a page says what to do.
//!
//! Kept is only what a page of this very origin sent, as far as the browser says so: another
//! site's form would otherwise be sent with the session of whoever signs in. It comes back as
//! a page with a button, since sending it is for the sender to decide: it may be somebody
//! else who signed in.
//!
//! The body has to be read before anything goes upstream. Some hosts do not hand it over
//! while a request waits, and none says so: it is waited for, but not for long.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::config::Unauthenticated;
use crate::http::form::component;
use crate::http::{Head, LocalPath};
use crate::policy::navigation;
use crate::session::KeptForm;
use crate::wire::Timestamp;

use super::host::{Host, Level, StreamId};
use super::log::Line;
use super::login::For;
use super::metrics::Outcome;
use super::refusal::{Refusal, Refused};
use super::reply::Reply;
use super::request::Request;
use super::wait::Waiting;
use super::worker::Worker;
use super::{Step, log};

/// The longest body that is kept, in bytes.
pub const FORM_LIMIT: usize = 16 * 1024;

/// Most bytes of cookies that a browser is left with. Envoy takes 60 KiB of headers in all.
const COOKIES_LIMIT: usize = 48 * 1024;

/// How long a body is waited for while it is not known whether the host hands bodies over.
const FIRST_PATIENCE: Duration = Duration::from_secs(2);

/// How long a body is waited for where the host does, so that only its sender is slow.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a worker has seen of its host.
#[derive(Debug, Default)]
pub(super) struct Forms {
    /// A body came while its request waited.
    bodies_come: bool,
    /// The log says already that none did.
    told: bool,
}

/// Why a form is not kept. `Display` goes on after "the form was not sent on".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unkept {
    /// Nobody has asked for it, or a rule says 401.
    #[error("")]
    Off,
    /// The browser says that another site sent it, or does not say.
    #[error(", and not kept: it was not sent from a page of this site")]
    Elsewhere,
    /// Files and other bodies that are not `application/x-www-form-urlencoded`.
    #[error(", and can not be kept: it holds files, or is written in another way than plain forms")]
    Kind,
    /// Longer than [`FORM_LIMIT`].
    #[error(", and can not be kept: it is larger than 16 KB")]
    TooLarge,
    /// A page would not send it again byte for byte.
    #[error(", and can not be kept: its text is not in UTF-8, or not as browsers write it")]
    Inexact,
    /// The path may not be led to.
    #[error(", and can not be kept: its address is too long or strange")]
    Address,
    /// It did not come in time.
    #[error(", and could not be kept: it did not come in time")]
    Late,
    /// The browser would be left with more cookies than servers take.
    #[error(", and can not be kept: the browser has too many cookies of this site")]
    Cookies,
}

impl Worker {
    /// A POST without credentials that a person looks at.
    pub(super) fn form(
        &mut self,
        host: &dyn Host,
        request: &Request<'_>,
        how: Unauthenticated,
    ) -> Result<Step, Refused> {
        self.may_keep(request, how).map_err(|why| self.unkept(request, why))?;
        self.wait(host, request, Waiting::Form { since: host.now(), read: None })?;
        Ok(Step::Read)
    }

    /// What the head says.
    fn may_keep(&self, request: &Request<'_>, how: Unauthenticated) -> Result<(), Unkept> {
        let length = request.head.first("content-length").and_then(number);
        if !self.config.preserve_post || how == Unauthenticated::Deny {
            Err(Unkept::Off)
        } else if !navigation::same_origin(&request.arrival.metadata, &request.origin) {
            Err(Unkept::Elsewhere)
        } else if !request.head.first("content-type").is_some_and(is_plain_form) {
            Err(Unkept::Kind)
        } else if LocalPath::parse(request.arrival.target).is_none() {
            Err(Unkept::Address)
        } else if length.is_some_and(|length| length > FORM_LIMIT) {
            Err(Unkept::TooLarge)
        } else {
            Ok(())
        }
    }

    /// More of a stream's body is there: whether it is to be read now, by [`Self::body`].
    /// `size` is all that has come so far.
    pub fn body_grows(&mut self, stream: StreamId, size: usize, ends: bool) -> bool {
        let awaited = matches!(self.waiters.of(stream), Some(Waiting::Form { .. }));
        self.forms.bodies_come |= awaited;
        awaited && (ends || size > FORM_LIMIT)
    }

    /// The body that a [`Step::Read`] asked for is there: all of it, or so much that it is too
    /// long. `head` is its request's head again.
    pub fn body(
        &mut self,
        host: &mut dyn Host,
        stream: StreamId,
        head: &Head<'_>,
        body: &[u8],
    ) -> Step {
        match self.waiters.of(stream) {
            Some(Waiting::Form { read, .. }) => *read = Some(kept(head, body)),
            // It waits for something else, and has not asked for it.
            _ => return Step::Wait,
        }
        self.resume(host, stream, head)
    }

    /// How long bodies are waited for.
    pub(super) const fn body_patience(&self) -> Duration {
        if self.forms.bodies_come { PATIENCE } else { FIRST_PATIENCE }
    }

    /// The body was read, or did not come in time. A login begins, and the form waits for it.
    ///
    /// The browser is led on by a page and not by a redirect: where the application's own
    /// policy has `form-action`, browsers stop a form that is redirected to the provider.
    pub(super) fn form_read(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        read: Option<Result<KeptForm, Unkept>>,
    ) -> Result<Step, Refused> {
        let read = read.unwrap_or_else(|| Err(self.late(host)));
        let form = read.map_err(|why| self.unkept(request, why))?;
        let back = self.page_of_form(request);
        let mut begun = self.begin_login(host, request, back, 0, For::Form)?;
        let (Some(cookies), Some(settings)) = (&self.cookies, &self.config.session) else {
            return Err(Refusal::NoSessions.into());
        };
        let (state, origin) = (begun.state.expose(), request.origin.host());
        let pieces = cookies.write_form(&settings.keys, &form, state, origin, host)?;
        begun.cookies.extend(pieces.ok_or_else(|| self.unkept(request, Unkept::Cookies))?);
        let mut bytes: usize = 0;
        for line in request.arrival.cookies() {
            bytes = bytes.saturating_add(line.len());
        }
        for cookie in &begun.cookies {
            bytes = bytes.saturating_add(cookie.value.len());
        }
        if bytes > COOKIES_LIMIT {
            return Err(self.unkept(request, Unkept::Cookies));
        }
        log::decision(host, Level::Info, request.arrival, "login_begins", "a form is kept");
        let pointer = self.pointer(host, request, Outcome::LoginBegins);
        let reply = Reply::form_is_kept(&begun.location, pointer.as_ref());
        Ok(Step::Reply(reply.with_cookies(begun.cookies)))
    }

    /// Says once what the operator may have to change; a client that only sends no body could
    /// make it come as often as it likes.
    fn late(&mut self, host: &mut dyn Host) -> Unkept {
        if !self.forms.bodies_come && !self.forms.told {
            self.forms.told = true;
            let message = Line::Message(
                "preserve_post: a form could not be kept, since its body did not come while the \
                 request waited. Unless its sender was slow, the host does not hand bodies over: \
                 in Envoy (1.35 or later) set allow_on_headers_stop_iteration: true beside the \
                 filter's configuration",
            );
            host.log(Level::Warn, &message);
        }
        Unkept::Late
    }

    fn unkept(&self, request: &Request<'_>, why: Unkept) -> Refused {
        let back = component(self.page_of_form(request).as_str());
        let login = format!("{}?return_to={back}", self.config.endpoints.login);
        Refused::new(Refusal::FormNotSent { why, login }, self.remove_session(request))
    }

    /// The page that the form stands on, as far as the browser says; the form's own address
    /// may be one that nobody can open.
    fn page_of_form(&self, request: &Request<'_>) -> LocalPath {
        let origin = request.origin.to_string();
        let referer = request.head.first("referer");
        let path = referer.and_then(|url| LocalPath::parse(url.strip_prefix(origin.as_bytes())?));
        path.filter(|path| !self.is_endpoint(path)).unwrap_or_else(LocalPath::root)
    }
}

/// The form of a request whose body is there.
fn kept(head: &Head<'_>, body: &[u8]) -> Result<KeptForm, Unkept> {
    if body.len() > FORM_LIMIT {
        return Err(Unkept::TooLarge);
    }
    let target = head.first(":path").and_then(LocalPath::parse).ok_or(Unkept::Address)?;
    KeptForm::new(target, Zeroizing::new(body.to_vec())).ok_or(Unkept::Inexact)
}

/// What browsers write for a form without files: the type alone, no parameters.
fn is_plain_form(content_type: &[u8]) -> bool {
    content_type.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

fn number(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Whether a body has been waited for too long. A clock that was set back since counts from
/// now.
pub(super) fn is_late(since: &mut Timestamp, now: Timestamp, patience: Duration) -> bool {
    *since = (*since).min(now);
    now.since(*since) >= patience
}
