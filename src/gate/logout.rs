//! Logout (OpenID Connect RP-Initiated Logout 1.0): our cookies first, then the provider's session.

use crate::config::PostLogout;
use crate::policy::navigation;
use crate::provider::authorize;

use super::host::{Host, Level};
use super::metrics::Outcome;
use super::refusal::{Refusal, Refused};
use super::reply::Reply;
use super::request::Request;
use super::worker::Worker;
use super::{Step, log};

impl Worker {
    /// `GET` or `POST /oauth2/logout`. Needs no provider that answers: whatever happens,
    /// the cookies are gone.
    #[cold]
    pub(super) fn logout(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
    ) -> Result<Step, Refused> {
        let arrival = request.arrival;
        if !matches!(arrival.method(), b"GET" | b"POST") {
            return Err(Refusal::MethodNotAllowed { allow: "GET, POST" }.into());
        }
        // Another site may link to the logout, but not hide it in a form or an image.
        if arrival.embedded_elsewhere()
            || navigation::cross_site_unsafe(&arrival.metadata, &request.origin)
        {
            return Err(Refusal::CrossSite.into());
        }
        let back = match &self.config.post_logout_redirect_uri {
            Some(PostLogout::Url(url)) => url.as_str().to_owned(),
            Some(PostLogout::Path(path)) => request.origin.at(path.as_str()),
            None => request.origin.at("/"),
        };
        let live = self.live(host, request);
        let at_provider =
            live.as_ref().zip(self.provider.metadata()).and_then(|(live, metadata)| {
                let hint = live.session.id_token.raw();
                authorize::end_session_url(metadata, &self.config.client, Some(hint), &back)
            });
        if let Some(live) = &live {
            self.turns.end(live, host.now());
            self.acquisitions.forget(&live.session.id);
            self.cells.end(host, live.session.id);
        }
        if let Some(text) = self.cookies.as_ref().and_then(|c| c.session_text(request.jar)) {
            self.sessions.forget(&text.join());
        }
        log::decision(host, Level::Info, request.arrival, "logged_out", "asked to");
        let reply = Reply::redirect(Outcome::LoggedOut, &at_provider.unwrap_or(back))?;
        Ok(Step::Reply(reply.with_cookies(self.remove_session(request))))
    }
}
