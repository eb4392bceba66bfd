//! Turns that rules take at the token endpoint for tokens of their own: with the session's refresh
//! token, or with one that came with the rule's token.
//!
//! They are turns like those of refreshes, since a refresh token may be used once: one call in the
//! process, an outcome that is remembered for old cookies, a logout that wins.

use std::rc::Rc;

use super::asked;
use super::memory::AskId;
use crate::config::{Needs, Way};
use crate::gate::host::Host;
use crate::gate::identity::Live;
use crate::gate::refresh::{REFRESHES_BEHIND, Turned};
use crate::gate::refusal::Refusal;
use crate::gate::request::Request;
use crate::gate::sessions::Freshness;
use crate::gate::turns::{Errand, Turn, TurnId};
use crate::gate::wait::Waiting;
use crate::gate::worker::Worker;
use crate::policy::Decision;
use crate::provider::HttpCall;

impl Worker {
    /// What the request does about the turns that rules take: it goes on with the newest state of
    /// the session, and takes its own rule's turn, if that has one.
    #[cold]
    pub(in crate::gate) fn rules_turn(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: &Rc<Live>,
        decision: &Decision,
    ) -> Result<Turned, Refusal> {
        self.turns.sweep(host.now(), self.patience());
        let newest = self.caught_up(live);
        let way = self.needs(decision).acquire.as_ref().map(|acquire| acquire.way);
        match (way, decision.rule) {
            (Some(Way::RefreshToken | Way::AuthorizationCode), Some(rule)) => {
                self.rules_own_turn(host, request, newest, rule)
            }
            _ => Ok(Turned::Go(newest)),
        }
    }

    /// The state of the session after the turns that this worker knows of. A session whose token
    /// is fresh takes no notice of turns; but what a rule's turn spent is spent.
    pub(super) fn caught_up(&self, live: &Rc<Live>) -> Rc<Live> {
        let mut newest = live;
        for _ in 0..REFRESHES_BEHIND {
            match newest.turn.and_then(|id| self.turns.get(&id)) {
                Some(Turn::Renewed(next)) if next.turn != newest.turn => newest = next,
                _ => break,
            }
        }
        Rc::clone(newest)
    }

    /// Has the token that `rule` asks for, if it is not there, or about to end. Whoever has the
    /// turn waits, and whoever has nothing to send; the others go on.
    fn rules_own_turn(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        mut newest: Rc<Live>,
        rule: usize,
    ) -> Result<Turned, Refusal> {
        for _ in 0..REFRESHES_BEHIND {
            let (id, had) = self.had(&newest, rule, host.now())?;
            let freshness = had.map_or(Freshness::Over, |(freshness, _)| freshness);
            let Some((way, turn)) = self.own_turn(&newest, rule, &id) else { break };
            if freshness == Freshness::Fresh {
                break;
            }
            let begins = self.turns.get(&turn).is_none() && self.may_call(host, &newest, &id);
            if begins && let Some((errand, call)) = self.own_call(&newest, rule, &id) {
                self.take_turn(host, turn, errand, &call);
            }
            match (self.turns.get(&turn), way) {
                (Some(Turn::Renewed(next)), Way::RefreshToken) if next.turn != newest.turn => {
                    newest = Rc::clone(next);
                    continue;
                }
                (Some(Turn::Renewed(next)), Way::AuthorizationCode) => {
                    let next = Rc::clone(next);
                    if self.take_in(&newest, &next, rule, turn, host.now()) {
                        continue;
                    }
                    break;
                }
                (Some(Turn::Ended), Way::RefreshToken) => return Ok(Turned::Ended),
                (Some(other), _)
                    if other.under_way() && (begins || freshness == Freshness::Over) => {}
                _ => break,
            }
            match self.wait(host, request, Waiting::Turn(turn)) {
                Ok(()) => return Ok(Turned::Wait),
                // Nobody is turned away who could go on.
                Err(_) if freshness != Freshness::Over => break,
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(Turned::Go(newest))
    }

    /// The turn at which the next token for `rule` is had; `None` where no refresh token gets it.
    fn own_turn(&self, live: &Live, rule: usize, id: &AskId) -> Option<(Way, TurnId)> {
        let way = asked(&self.config, rule)?.1.way;
        let turn = match way {
            Way::RefreshToken => live.turn?,
            Way::AuthorizationCode => {
                let had = self.acquisitions.get(id)?.had.as_ref()?;
                TurnId::of_kept(&live.session, &had.kept)?
            }
            Way::TokenExchange => return None,
        };
        Some((way, turn))
    }

    fn own_call(&self, live: &Rc<Live>, rule: usize, id: &AskId) -> Option<(Errand, HttpCall)> {
        let (_, acquire) = asked(&self.config, rule)?;
        let live = Rc::clone(live);
        match acquire.way {
            Way::RefreshToken => {
                let call = self.narrow_call(&live, rule)?;
                Some((Errand::Narrow(live, acquire.ask), call))
            }
            Way::AuthorizationCode => {
                let acquired = Rc::clone(self.acquisitions.get(id)?.had.as_ref()?);
                let call = self.refresh_call(acquired.kept.refresh_token.as_ref())?;
                Some((Errand::Renew(live, acquired), call))
            }
            Way::TokenExchange => None,
        }
    }

    /// A session that is not good itself gets nothing, and the provider is not asked again for
    /// what it refused a moment ago.
    fn may_call(&self, host: &dyn Host, live: &Rc<Live>, id: &AskId) -> bool {
        let now = host.now();
        let may_call = self.acquisitions.state(id).is_some_and(|state| state.may_call(now));
        may_call && live.judge(&self.config, &Needs::default(), now).is_ok()
    }
}
