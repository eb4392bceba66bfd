//! `acquire: refresh_token`: the session's refresh token gets a narrower token (RFC 6749 section
//! 6), and keeps its whole scope.
//!
//! Where refresh tokens rotate this spends one like any other refresh, so that it takes its turn
//! with them: see [`super::turn`]. The session goes on with the new refresh token, whatever
//! the access token that came with it is worth.

use std::rc::Rc;

use super::asked;
use crate::config::Ask;
use crate::gate::host::Host;
use crate::gate::identity::Live;
use crate::gate::worker::Worker;
use crate::provider::{HttpCall, TokenAnswer, token_endpoint};
use crate::session::Session;
use crate::token::Refusal as TokenRefusal;

impl Worker {
    /// The call for the token that `rule` asks for.
    pub(super) fn narrow_call(&self, live: &Live, rule: usize) -> Option<HttpCall> {
        let (_, acquire) = asked(&self.config, rule)?;
        let refresh_token = live.session.refresh_token.as_ref()?;
        let metadata = self.provider.metadata()?;
        let (provider, client) = (&self.config.provider, &self.config.client);
        token_endpoint::narrow_call(provider, client, metadata, refresh_token, acquire)
    }

    /// The session after its refresh token was used for a rule's token, whatever that is worth.
    ///
    /// # Errors
    /// `may_wait`, and it is by a key that is not known: newer keys may say more.
    pub(in crate::gate) fn verify_narrowed(
        &mut self,
        host: &mut dyn Host,
        live: &Rc<Live>,
        ask: &Ask,
        answer: &TokenAnswer,
        may_wait: bool,
    ) -> Result<Session, TokenRefusal> {
        let mut session = live.session.clone();
        if let Some(id) = self.ask_id(live, ask) {
            match self.verify_acquired(host, id, live, answer) {
                Ok(kept) => {
                    self.had_one(&id, &kept.token, host.now());
                    session.keep(kept);
                }
                Err(refusal) if may_wait && self.newer_keys_may_help(&refusal) => {
                    return Err(refusal);
                }
                Err(refusal) => self.acquired_refused(host, &id, refusal),
            }
        }
        session.narrowed = session.narrowed.saturating_add(1);
        session.refresh_token = answer.refresh_token.clone().or(session.refresh_token);
        Ok(session)
    }
}
