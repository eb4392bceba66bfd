//! What one worker holds, and how events find the requests they are for.

use std::rc::Rc;

use crate::config::{Config, LogFormat, Rule, Way};
use crate::crypto::Secret;
use crate::http::Head;
use crate::http::url::Origin;
use crate::policy::Rules;
use crate::provider::{Answer, Fetch, Provider, token_endpoint};
use crate::session::{Cache, Cookies, Jar};
use crate::wire::{SortedMap, Timestamp};

use super::acquire::memory::{Acquisitions, AskId};
use super::forms::Forms;
use super::host::{CallId, Host, StreamId};
use super::identity::{Bearer, Live};
use super::introspect;
use super::introspections::{Introspections, TokenId};
use super::refusal::{Refusal, Refused};
use super::reply::Reply;
use super::request::{Arrival, Request};
use super::resource::Published;
use super::shared::{Cells, MEMORY};
use super::turns::{Errand, Turn, TurnId, Turns};
use super::wait::{Waiters, Waiting};
use super::{Stamp, Step, log, tally};

/// Memory for open sessions, in bytes; a miss costs one AEAD.
const SESSIONS_BYTES: usize = 8 * 1024 * 1024;
/// Memory for verified bearer tokens, in bytes; a miss costs one signature check.
const BEARERS_BYTES: usize = 4 * 1024 * 1024;

/// A call that is under way, and what its answer is for.
#[derive(Debug)]
pub(super) enum Flight {
    /// Metadata or keys, for everyone.
    Fetch(Fetch),
    /// A refresh or a code exchange, for everyone who waits for it.
    Turn(TurnId, Errand),
    /// A token for a rule's own upstream, of this session.
    Acquire(AskId, Rc<Live>),
    /// What the provider says of this opaque token.
    Introspect(TokenId, Secret),
}

/// The gate on one worker thread.
#[derive(Debug)]
pub struct Worker {
    pub(super) config: Config,
    pub(super) provider: Provider,
    pub(super) rules: Rules,
    pub(super) published: Published,
    /// Whether any rule acquires its token in a turn at the token endpoint.
    pub(super) rules_take_turns: bool,
    pub(super) cookies: Option<Cookies>,
    pub(super) sessions: Cache<Rc<Live>>,
    pub(super) bearers: Cache<Rc<Bearer>>,
    pub(super) bearers_generation: u64,
    /// The `:authority` that was asked last, and its origin.
    pub(super) asked: Option<(Box<[u8]>, Rc<Origin>)>,
    pub(super) flights: SortedMap<CallId, Flight>,
    pub(super) waiters: Waiters,
    pub(super) turns: Turns,
    pub(super) cells: Cells,
    pub(super) acquisitions: Acquisitions,
    /// Where access tokens are opaque.
    pub(super) introspections: Option<Introspections>,
    pub(super) forms: Forms,
}

impl Worker {
    /// A worker that has not yet spoken with its provider.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            provider: Provider::new(&config.provider, config.login),
            rules: Rules::new(&config.rules),
            published: Published::new(&config),
            rules_take_turns: config.rules.iter().any(takes_turns),
            cookies: cookies(&config),
            sessions: Cache::new(SESSIONS_BYTES),
            bearers: Cache::new(BEARERS_BYTES),
            bearers_generation: 0,
            asked: None,
            flights: SortedMap::new(),
            waiters: Waiters::default(),
            turns: Turns::default(),
            cells: Cells::new(&config),
            acquisitions: Acquisitions::default(),
            introspections: introspect::introspections(&config),
            forms: Forms::default(),
            config,
        }
    }

    /// Takes over from a worker that had another configuration. Who waits there is decided anew
    /// with the next tick. The same client's turns go on: what was spent on them is gone.
    pub fn take_over(&mut self, old: Self) {
        self.waiters.take_over(old.waiters);
        if self.cells == old.cells {
            for (call, flight) in old.flights {
                if matches!(flight, Flight::Turn(..)) {
                    self.flights.insert(call, flight);
                }
            }
            self.turns = old.turns;
            self.turns.judge_anew(&self.config);
        }
    }

    /// How lines of the log are written.
    #[must_use]
    pub const fn log_format(&self) -> LogFormat {
        self.config.log_format
    }

    /// Whether metadata and keys are there.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.provider.ready()
    }

    /// A request's head is there.
    pub fn arrive(&mut self, host: &mut dyn Host, stream: StreamId, head: &Head<'_>) -> Step {
        self.consider(host, stream, head, None, Self::decide)
    }

    /// A stream that waited may go on; `head` is its request's head again.
    ///
    /// A stream that did not wait is answered, never passed: it is a mistake of ours.
    pub fn resume(&mut self, host: &mut dyn Host, stream: StreamId, head: &Head<'_>) -> Step {
        let waiter = self.waiters.take(stream);
        let since = waiter.as_ref().map(|waiter| waiter.since);
        self.consider(host, stream, head, since, |worker, host, request| {
            match waiter.map(|waiter| waiter.waiting) {
                Some(
                    Waiting::Provider
                    | Waiting::Keys
                    | Waiting::Turn(_)
                    | Waiting::Acquired(_)
                    | Waiting::Introspected(_)
                    | Waiting::Anew,
                ) => worker.decide(host, request),
                Some(Waiting::Form { read, .. }) => worker.form_read(host, request, read),
                None => Err(Refusal::ProviderUnavailable.into()),
            }
        })
    }

    fn consider(
        &mut self,
        host: &mut dyn Host,
        stream: StreamId,
        head: &Head<'_>,
        waiting_since: Option<Timestamp>,
        decide: impl FnOnce(&mut Self, &mut dyn Host, &Request<'_>) -> Result<Step, Refused>,
    ) -> Step {
        let arrival = Arrival::read(head, &self.config.upstream.headers);
        let origin = match self.origin(&arrival) {
            Ok(origin) => origin,
            Err(refusal) => {
                let step = misdirected(host, &refusal, &arrival);
                if self.config.access_log_fields {
                    self.tell_access_log(host, &arrival, &step);
                }
                return step;
            }
        };
        let mut jar = Jar::default();
        if let Some(cookies) = &self.cookies {
            cookies.collect_into(&mut jar, arrival.cookies());
        }
        let request = Request { stream, head, arrival: &arrival, origin, jar: &jar, waiting_since };
        let decided = decide(self, host, &request);
        let step = self.step(host, &request, decided);
        tally::step(host, &step);
        if self.config.access_log_fields {
            self.tell_access_log(host, &arrival, &step);
        }
        step
    }

    /// A call was answered. Gives the streams that may go on.
    pub fn answered(
        &mut self,
        host: &mut dyn Host,
        call: CallId,
        answer: &Answer<'_>,
    ) -> Vec<StreamId> {
        let flight = self.flights.remove(&call);
        if let Some(flight) = &flight {
            tally::call(host, flight.endpoint(), answer.status);
        }
        match flight {
            Some(Flight::Fetch(fetch)) => self.fetched(host, fetch, answer),
            Some(Flight::Turn(id, errand)) => {
                self.turn_answered(host, id, errand, token_endpoint::token_answer(answer));
                self.settled(&[id])
            }
            Some(Flight::Acquire(id, live)) => {
                self.acquire_answered(host, id, live, call, token_endpoint::token_answer(answer))
            }
            Some(Flight::Introspect(id, raw)) => self.introspected(host, id, raw, call, answer),
            // Late, or not ours: a normal case.
            None => Vec::new(),
        }
    }

    /// Time passed. Gives the streams that may go on; those that waited too long are
    /// refused when they do.
    pub fn tick(&mut self, host: &mut dyn Host) -> Vec<StreamId> {
        self.keep_awaiting_keys(host);
        self.fetch_due(host);
        let now = host.now();
        self.turns.sweep(now, self.patience());
        self.acquisitions.sweep(now, self.patience());
        let patience = self.patience();
        if let Some(book) = &mut self.introspections {
            book.sweep(now, patience);
        }
        // Wakes are not lost; this is for the worker that died before it could wake anyone.
        let mut streams = Vec::new();
        for id in self.turns_elsewhere() {
            streams.extend(self.look_elsewhere(host, id));
        }
        // Turns that were given up, or ended by a logout while another worker had them; and
        // whom the host could not resume when it was time.
        streams.extend(self.waiters.those(|waiting| self.is_settled(waiting)));
        streams.extend(self.waiters.overdue(now, self.patience()));
        streams.extend(self.waiters.late_bodies(now, self.body_patience()));
        streams.sort_unstable();
        streams.dedup();
        streams
    }

    /// Another worker of this process has news. Gives the streams that may go on.
    pub fn woken(&mut self, host: &mut dyn Host, message: &[u8]) -> Vec<StreamId> {
        TurnId::of_message(message).map(|id| self.look_elsewhere(host, id)).unwrap_or_default()
    }

    /// The trailers that only the gate may send, as they are named there.
    #[must_use]
    pub fn foreign(&self, trailers: &Head<'_>) -> Vec<Vec<u8>> {
        let ours = |name: &[u8]| {
            name.eq_ignore_ascii_case(b"authorization")
                || self.config.upstream.headers.iter().any(|header| header.folded.matches(name))
        };
        trailers.pairs().filter(|(name, _)| ours(name)).map(|(name, _)| name.to_vec()).collect()
    }

    /// Whether cookies that were decided on earlier may still be sent with a response. Not
    /// after a logout, not once the session they hold was refreshed (its refresh token is
    /// spent then), and not when nobody remembers that far back.
    pub fn still_holds(&self, host: &mut dyn Host, stamp: &Stamp) -> bool {
        let now = host.now();
        let remembered = now.since(stamp.decided) < MEMORY && now >= stamp.decided;
        if !remembered || self.turns.session_ended(&stamp.session) {
            return false;
        }
        let Some(id) = stamp.turn else { return !self.cells.logged_out(host, stamp.session) };
        matches!(self.turns.get(&id), None | Some(Turn::Failed)) && !self.cells.taken(host, &id)
    }

    /// A stream is gone. Calls that it asked for go on: their answers may be for others.
    pub fn gone(&mut self, stream: StreamId) {
        self.waiters.take(stream);
    }

    fn step(
        &self,
        host: &mut dyn Host,
        request: &Request<'_>,
        decided: Result<Step, Refused>,
    ) -> Step {
        decided.unwrap_or_else(|refused| self.refused(host, request, refused))
    }

    #[cold]
    fn refused(&self, host: &mut dyn Host, request: &Request<'_>, refused: Refused) -> Step {
        let Refused { refusal, cookies } = refused;
        let code = refusal.code().as_str();
        log::decision(host, refusal.level(), request.arrival, code, &refusal.for_log());
        tally::refusal(host, &refusal);
        let login = self.config.login.then_some(self.config.endpoints.login.as_str());
        let pointer = self.pointer(host, request, refusal.code());
        let reply = Reply::refused(&refusal, request.arrival, login, pointer.as_ref());
        Step::Reply(reply.with_cookies(cookies))
    }

    /// The refusal of a token whose key is not known, where that is the token's fault.
    pub(super) fn unknown_key(&self, refusal: Refusal) -> Refusal {
        if self.provider.keys_failing() { Refusal::ProviderUnavailable } else { refusal }
    }

    /// The streams that waited for these turns, where they are over.
    pub(super) fn settled(&self, turns: &[TurnId]) -> Vec<StreamId> {
        self.waiters.those(|waiting| {
            matches!(waiting, Waiting::Turn(id) if turns.contains(id)) && self.is_settled(waiting)
        })
    }

    fn is_settled(&self, waiting: &Waiting) -> bool {
        match waiting {
            Waiting::Turn(id) => !self.turns.get(id).is_some_and(Turn::under_way),
            Waiting::Acquired(id) => !self.acquisitions.under_way(id),
            Waiting::Introspected(id) => {
                !self.introspections.as_ref().is_some_and(|book| book.under_way(id))
            }
            Waiting::Provider => self.provider.ready(),
            Waiting::Anew => true,
            Waiting::Keys | Waiting::Form { .. } => false,
        }
    }
}

fn takes_turns(rule: &Rule) -> bool {
    rule.needs.acquire.as_ref().is_some_and(|acquire| acquire.way != Way::TokenExchange)
}

/// How cookies are read and written, where there are any.
fn cookies(config: &Config) -> Option<Cookies> {
    let cookies = Cookies::new(config.session.as_ref()?);
    Some(match config.preserve_post {
        true => cookies.with_forms(&config.endpoints.callback),
        false => cookies,
    })
}

/// Answered before anything else of the request is believed.
fn misdirected(host: &mut dyn Host, refusal: &Refusal, arrival: &Arrival<'_>) -> Step {
    let code = refusal.code().as_str();
    log::decision(host, refusal.level(), arrival, code, &refusal.to_string());
    let step = Step::Reply(Reply::misdirected(refusal, arrival));
    tally::step(host, &step);
    step
}
