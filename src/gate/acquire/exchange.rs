//! `acquire: token_exchange`: the session's access token for one of the rule's own (RFC 8693).
//!
//! It needs no turn: another worker's exchange harms nobody.

use std::rc::Rc;

use super::asked;
use super::memory::{AskId, State};
use crate::gate::host::{CallId, Host, StreamId};
use crate::gate::identity::Live;
use crate::gate::metrics::{Acquisition, Endpoint};
use crate::gate::tally;
use crate::gate::wait::Waiting;
use crate::gate::worker::{Flight, Worker};
use crate::provider::{TokenAnswer, TokenError, token_endpoint};

impl Worker {
    /// Asks the token endpoint, if it may be asked now.
    pub(super) fn ask(&mut self, host: &mut dyn Host, id: AskId, live: &Rc<Live>) {
        if !self.acquisitions.state(&id).is_some_and(|state| state.may_call(host.now())) {
            return;
        }
        let call = asked(&self.config, id.rule).and_then(|(_, acquire)| {
            let subject = live.session.known_access_token()?;
            let (provider, client) = (&self.config.provider, &self.config.client);
            let metadata = self.provider.metadata()?;
            token_endpoint::exchange_call(provider, client, metadata, subject.raw(), acquire)
        });
        let sent = call.map(|call| host.dispatch(&call));
        let now = host.now();
        let state = match sent {
            Some(Ok(call)) => {
                self.flights.insert(call, Flight::Acquire(id, Rc::clone(live)));
                State::Calling(now, call)
            }
            Some(Err(_)) | None => {
                tally::call(host, Endpoint::Token, None);
                tally::acquisition(host, Acquisition::Failed);
                State::Failed(now)
            }
        };
        self.acquisitions.set_state(&id, state);
    }

    /// The token endpoint has answered. Gives the streams that may go on.
    pub(in crate::gate) fn acquire_answered(
        &mut self,
        host: &mut dyn Host,
        id: AskId,
        live: Rc<Live>,
        call: CallId,
        answer: Result<TokenAnswer, TokenError>,
    ) -> Vec<StreamId> {
        // This one was given up, and another has been made since.
        if matches!(self.acquisitions.state(&id), Some(State::Calling(_, other)) if *other != call)
        {
            return Vec::new();
        }
        // A logout in the meantime wins.
        if self.turns.ended(&live) {
            self.acquisitions.forget(&id.session);
        } else {
            self.settle_acquired(host, id, live, answer, true);
        }
        self.those_who_wait_for(id)
    }

    /// Newer keys came: tokens that waited for them are judged for good.
    pub(in crate::gate) fn settle_acquisitions(&mut self, host: &mut dyn Host) -> Vec<StreamId> {
        let mut streams = Vec::new();
        for id in self.acquisitions.awaiting_keys() {
            let state = self.acquisitions.set_state(&id, State::Idle);
            if let Some(State::AwaitingKeys(_, live, answer)) = state {
                self.settle_acquired(host, id, live, Ok(answer), false);
                streams.extend(self.those_who_wait_for(id));
            }
        }
        streams
    }

    fn those_who_wait_for(&self, id: AskId) -> Vec<StreamId> {
        if self.acquisitions.under_way(&id) {
            return Vec::new();
        }
        self.waiters.those(|waiting| matches!(waiting, Waiting::Acquired(other) if *other == id))
    }

    fn settle_acquired(
        &mut self,
        host: &mut dyn Host,
        id: AskId,
        live: Rc<Live>,
        answer: Result<TokenAnswer, TokenError>,
        may_wait: bool,
    ) {
        let now = host.now();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.not_acquired(host, &id, error),
        };
        match self.verify_acquired(host, id, &live, &answer) {
            Ok(kept) => {
                self.had_one(&id, &kept.token, now);
                self.hold(id, kept, &live, now, true);
            }
            Err(refusal) if may_wait && refusal.unknown_kid() => {
                self.provider.want_keys(now);
                self.fetch_due(host);
                self.acquisitions.set_state(&id, State::AwaitingKeys(now, live, answer));
            }
            Err(refusal) => self.acquired_refused(host, &id, refusal),
        }
    }
}
