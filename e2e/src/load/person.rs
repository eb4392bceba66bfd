//! One person's browser under load: its cookies of now, and those from before each refresh.

use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::tally::Outcome;
use crate::browser::{Browser, Jar, Page, Url};
use crate::http::Answer;
use crate::jwt;

/// Somebody who is logged in.
#[derive(Debug)]
pub struct Person {
    jar: Jar,
    home: Url,
    user: String,
    /// The provider's name of the session.
    sid: String,
    /// The access tokens that this browser has heard of; the newest is the last.
    generations: Vec<Generation>,
}

/// An access token, and a cookie that holds it.
#[derive(Debug)]
struct Generation {
    jti: String,
    expires: u64,
    cookie: Option<String>,
    /// When a newer one was heard of.
    replaced: Option<Instant>,
}

/// A cookie as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Cookie {
    pub(super) line: String,
    /// How long ago a newer one was there, where it comes late on purpose.
    late: Option<Duration>,
    /// When the newest token expires that this browser has heard of.
    expires: u64,
}

impl Person {
    /// Whoever has just logged in with this browser; `page` is the answer of an upstream that shows what it received.
    pub fn logged_in(browser: Browser, page: &Page) -> Self {
        assert_eq!(page.answer.status, 200, "{:?}", page.answer);
        let claims = claims(&page.answer).expect("the upstream saw an access token");
        let (user, sid) = (text(&claims, "preferred_username"), text(&claims, "sid"));
        let (jar, home) = (browser.jar, page.url.clone());
        let mut person = Self { jar, home, user, sid, generations: Vec::new() };
        let cookie = person.jar.line(&person.home);
        person.generations.push(Generation::of(&claims, cookie));
        person
    }

    /// Who it is.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The provider's name of the session.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// The browser's cookies for the gate, if it still has any.
    pub fn cookie_line(&self) -> Option<String> {
        self.jar.line(&self.home)
    }

    /// The gate's name.
    pub(super) fn home(&self) -> String {
        self.home.authority.clone()
    }

    /// The cookie of now; or, where it is to be `late`, one that was replaced not longer ago than that: a different one
    /// for each number.
    pub(super) fn cookie(&self, late: Option<(Duration, usize)>) -> Cookie {
        let expires = self.generations.last().map_or(0, |newest| newest.expires);
        let old = late.and_then(|(most, number)| self.older(most, number));
        let (line, late) = match old {
            Some((line, age)) => (line, Some(age)),
            None => (self.jar.line(&self.home).unwrap_or_default(), None),
        };
        Cookie { line, late, expires }
    }

    fn older(&self, most: Duration, number: usize) -> Option<(String, Duration)> {
        let old: Vec<_> = self
            .generations
            .iter()
            .filter_map(|one| Some((one.cookie.clone()?, one.replaced?.elapsed())))
            .filter(|(_, age)| *age < most)
            .collect();
        (!old.is_empty()).then(|| old[number % old.len()].clone())
    }

    /// What became of a request that was sent with `cookie` and is answered just now.
    pub(super) fn outcome(&self, cookie: &Cookie, answer: &Answer) -> Outcome {
        let claims = claims(answer);
        let other = claims.as_ref().is_some_and(|claims| text(claims, "sid") != self.sid);
        let removed = answer.all("set-cookie").any(|line| line.contains("Max-Age=0"));
        Outcome {
            status: answer.status,
            late: cookie.late,
            lost: other || removed || matches!(answer.status, 302 | 401),
            was_valid: seconds() < cookie.expires,
            text: if answer.status == 200 { String::new() } else { answer.text() },
        }
    }

    /// Keeps what an answer brings, as browsers do: the last to arrive is what the browser is left with.
    pub(super) fn keep(&mut self, answer: &Answer) {
        for line in answer.all("set-cookie") {
            self.jar.keep(&self.home, line);
        }
        let Some(claims) = claims(answer) else { return };
        let brought = answer.all("set-cookie").next().and_then(|_| self.jar.line(&self.home));
        let jti = text(&claims, "jti");
        match self.generations.iter_mut().find(|one| one.jti == jti) {
            Some(known) => known.cookie = known.cookie.take().or(brought),
            None => self.hear_of(Generation::of(&claims, brought)),
        }
    }

    /// Answers overtake each other: what is new to this browser may be older than what it knows.
    fn hear_of(&mut self, mut generation: Generation) {
        let newest = self.generations.last_mut().expect("there is one since the login");
        let now = Some(Instant::now());
        if generation.expires < newest.expires {
            generation.replaced = now;
            self.generations.insert(0, generation);
        } else {
            newest.replaced = now;
            self.generations.push(generation);
        }
    }
}

impl Generation {
    fn of(claims: &Value, cookie: Option<String>) -> Self {
        let expires = claims["exp"].as_u64().expect("tokens expire");
        Self { jti: text(claims, "jti"), expires, cookie, replaced: None }
    }
}

/// What is in the access token that went upstream: the demo's API says so, the echo shows the token itself.
fn claims(answer: &Answer) -> Option<Value> {
    let seen: Value = serde_json::from_slice(&answer.body).ok()?;
    if seen["claims"].is_object() {
        return Some(seen["claims"].clone());
    }
    let mut headers = seen["headers"].as_array()?.iter();
    let token = headers.find(|pair| pair[0] == "authorization")?;
    Some(jwt::claims(token[1].as_str()?))
}

pub(super) fn text(claims: &Value, name: &str) -> String {
    claims[name].as_str().unwrap_or_else(|| panic!("no {name}: {claims}")).to_owned()
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
