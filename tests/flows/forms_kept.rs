//! `gate/forms.rs`, `session/form.rs`: a form that was posted when the session was over, and what
//! comes back after login.

use oidc_gate::gate::{FORM_LIMIT, StreamId};
use oidc_gate::http::form::encode;
use serde_json::json;

use super::browser::{Browser, Request};
use super::host::Randomness;
use super::scene::{Answered, Outcome, Scene, head};
use super::steps::{CALLBACK, to_provider};

pub(crate) fn keeping() -> Scene {
    Scene::with(json!({"preserve_post": true}))
}

impl Scene {
    /// So much of the body of a waiting request has come by now.
    pub(crate) fn body(&mut self, stream: StreamId, request: &Request, so_far: &[u8], ends: bool) {
        if self.worker.body_grows(stream, so_far.len(), ends) {
            let read = &so_far[..so_far.len().min(FORM_LIMIT + 1)];
            let step = self.worker.body(&mut self.host, stream, &head(request), read);
            self.carry_out(stream, step);
        }
    }

    /// A form is posted, its body comes in one piece, and the browser takes the cookies.
    pub(crate) fn post(
        &mut self,
        browser: &mut Browser,
        request: &Request,
        body: &[u8],
    ) -> Answered {
        let stream = self.arrive(request);
        self.body(stream, request, body, true);
        let answer = self.outcome(stream).unwrap_or_else(|| panic!("it waits")).answer();
        browser.take(&answer.set_cookies);
        answer
    }

    /// The same, and its sender is led to the provider and signs in: the query that comes back.
    pub(crate) fn post_and_sign_in(
        &mut self,
        browser: &mut Browser,
        path: &str,
        body: &str,
    ) -> String {
        let request = browser.form(path);
        let answer = self.post(browser, &request, body.as_bytes());
        self.provider.authorize(&led_to(&answer))
    }
}

/// Where a page leads at once.
pub(crate) fn led_to(answer: &Answered) -> String {
    let (_, rest) = answer.body.split_once("http-equiv=\"refresh\" content=\"0;url=").unwrap();
    rest.split('"').next().unwrap().replace("&amp;", "&")
}

/// What the page's form would be sent as: its action and its body.
pub(crate) fn resent(answer: &Answered) -> (String, String) {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\"")).unwrap();
        let text = rest.split('"').next().unwrap();
        let pairs = [
            ("&#13;", "\r"),
            ("&#10;", "\n"),
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&quot;", "\""),
            ("&#39;", "'"),
            ("&amp;", "&"),
        ];
        pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let (_, rest) = answer.body.split_once("<form method=\"post\"").unwrap();
    let (form, _) = rest.split_once("</form>").unwrap();
    let fields: Vec<_> = form
        .split("<input type=\"hidden\"")
        .skip(1)
        .map(|input| (attribute(input, "name"), attribute(input, "value")))
        .collect();
    let pairs: Vec<_> = fields.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    assert!(form.contains("<button>"));
    (attribute(form, "action"), encode(&pairs))
}

#[test]
fn a_form_comes_back_byte_for_byte_after_login_and_then_goes_to_the_upstream() {
    let mut scene = keeping();
    let body =
        "b=1&a=x+y%26%3D&a=&b=1&%C3%BC=%E2%82%AC&text=one%0D%0Atwo&%3Cb%3E=%22%27%3C&go=Send";
    let mut browser = Browser::default();
    let request = browser.form("/orders?draft=7&x=%22");
    let answer = scene.post(&mut browser, &request, body.as_bytes());
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
    assert!(answer.header("location").is_none(), "form-action would stop a redirect");
    assert!(answer.body.contains("the form was not sent on"));
    assert!(scene.upstreams.is_empty());
    assert_eq!((browser.forms().len(), browser.logins().len()), (1, 1));
    assert!(!browser.line().contains(".form"), "it travels to the callback alone");

    let query = scene.provider.authorize(&led_to(&answer));
    let page = scene.come_back(&mut browser, &query).answer();
    assert_eq!(page.status, 200);
    assert_eq!(resent(&page), ("/orders?draft=7&x=%22".to_owned(), body.to_owned()));
    assert!(page.body.contains("href=\"/orders/new?step=2\""), "back without it: {}", page.body);
    assert!(browser.forms().is_empty() && browser.logins().is_empty());
    assert_eq!(browser.session().len(), 1);

    let upstream = scene.send(&browser.form("/orders?draft=7&x=%22")).upstream();
    assert_eq!(upstream.all(":path"), ["/orders?draft=7&x=%22"]);
}

#[test]
fn the_page_with_the_form_runs_nothing_is_framed_by_nobody_and_tells_the_upstream_no_code() {
    let mut scene = keeping();
    let mut browser = Browser::default();
    let query = scene.post_and_sign_in(&mut browser, "/orders", "a=1");
    let page = scene.come_back(&mut browser, &query).answer();
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("form-action"), "the application may redirect: {policy}");
    // `no-referrer` would make the form's Origin null; the whole address holds the code.
    assert_eq!(page.header("referrer-policy"), Some("strict-origin"));
    assert!(!page.body.contains("<script") && !page.body.contains("http-equiv"));
}

#[test]
fn only_forms_of_this_very_origin_are_kept() {
    let mut scene = keeping();
    let form = Browser::default().form("/orders");
    let kept = [
        form.clone(),
        form.clone().without("origin"),
        form.clone().without("sec-fetch-site").without("sec-fetch-mode"),
    ];
    for request in &kept {
        let answer = scene.post(&mut Browser::default(), request, b"a=1");
        assert!(to_provider_by_page(&answer), "{}", answer.body);
    }
    let bare = form.clone().without("sec-fetch-site").without("sec-fetch-mode");
    let elsewhere = [
        form.clone().with("sec-fetch-site", "cross-site"),
        form.clone().with("sec-fetch-site", "same-site"),
        form.clone().with("sec-fetch-site", "none"),
        form.clone().with("sec-fetch-site", "cross-site").with("origin", "https://app.example"),
        bare.clone().with("origin", "https://evil.example"),
        bare.clone().with("origin", "null"),
        bare.clone().with("origin", "http://app.example"),
        bare.without("origin"),
    ];
    for request in &elsewhere {
        let answer = scene.send(request).answer();
        assert_not_kept(&answer, "it was not sent from a page of this site");
        assert!(answer.body.contains("send the form from there"), "{}", answer.body);
    }
}

#[test]
fn sixteen_kilobytes_are_kept_and_no_byte_more() {
    let body = |length: usize| format!("a={}", "x".repeat(length - 2)).into_bytes();
    for announced in [true, false] {
        let mut scene = keeping();
        let form = |length: usize| match announced {
            true => Browser::default().form("/o").and("content-length", length.to_string()),
            false => Browser::default().form("/o"),
        };
        let mut browser = Browser::default();
        let answer = scene.post(&mut browser, &form(FORM_LIMIT), &body(FORM_LIMIT));
        let query = scene.provider.authorize(&led_to(&answer));
        let page = scene.come_back(&mut browser, &query).answer();
        assert_eq!(resent(&page).1.into_bytes(), body(FORM_LIMIT));

        let request = form(FORM_LIMIT + 1);
        let stream = scene.arrive(&request);
        assert_eq!(
            scene.outcome(stream).is_some(),
            announced,
            "a length that is told decides at once"
        );
        scene.body(stream, &request, &body(FORM_LIMIT), false);
        scene.body(stream, &request, &body(FORM_LIMIT + 1), false);
        let answer = scene.outcome(stream).unwrap().answer();
        assert_not_kept(&answer, "it is larger than 16 KB");
    }
}

#[test]
fn a_body_may_come_in_pieces_and_what_waits_for_it_is_not_answered_before() {
    let mut scene = keeping();
    let request = Browser::default().form("/o");
    let stream = scene.arrive(&request);
    for end in 1..5 {
        scene.body(stream, &request, &b"a=xyz"[..end], false);
        assert!(scene.outcome(stream).is_none());
    }
    scene.body(stream, &request, b"a=xyz", true);
    assert!(to_provider_by_page(&scene.outcome(stream).unwrap().answer()));
    assert_eq!(scene.upstreams.len(), 0);
}

#[test]
fn what_would_not_come_back_as_it_was_is_not_kept() {
    let mut scene = keeping();
    let mut browser = Browser::default();
    let form = browser.form("/o");
    for body in [&b"a=%ff"[..], b"a=\xff", b"a=1&", b"flag", b"a=%2f", b"=1", b"a=%00", b"a=1%0A2"]
    {
        let answer = scene.post(&mut browser, &form, body);
        assert_not_kept(&answer, "its text is not in UTF-8, or not as browsers write it");
    }
    let kind = "it holds files, or is written in another way than plain forms";
    for kind_of_body in ["multipart/form-data; boundary=x", "text/plain", "application/json", ""] {
        assert_not_kept(
            &scene.send(&form.clone().with("content-type", kind_of_body)).answer(),
            kind,
        );
    }
    assert_not_kept(&scene.send(&form.clone().without("content-type")).answer(), kind);
    let long = format!("/{}", "x".repeat(2_048));
    for path in ["/a\\b", "/a#b", long.as_str()] {
        let mut free = Scene::with(json!({"preserve_post": true, "rules": []}));
        let answer = free.send(&form.clone().with(":path", path)).answer();
        assert_not_kept(&answer, "its address is too long or strange");
    }
    assert!(browser.jar.is_empty());
}

#[test]
fn an_empty_form_is_a_form() {
    let mut scene = keeping();
    let mut browser = Browser::default();
    let query = scene.post_and_sign_in(&mut browser, "/orders/7/delete", "");
    let page = scene.come_back(&mut browser, &query).answer();
    assert_eq!(resent(&page), ("/orders/7/delete".to_owned(), String::new()));
}

#[test]
fn a_form_with_a_session_that_is_refreshed_no_more_is_kept_too() {
    let mut scene = keeping();
    let mut browser = scene.log_in();
    scene.provider.end_logins();
    scene.jump(400);
    let request = browser.form("/orders");
    let stream = scene.arrive(&request);
    // Where the host hands bodies over, it may be whole before the provider has answered.
    assert!(scene.outcome(stream).is_none());
    scene.settle();
    assert!(scene.outcome(stream).is_none(), "now it waits for the body");
    scene.body(stream, &request, b"a=1", true);
    let answer = scene.outcome(stream).unwrap().answer();
    browser.take(&answer.set_cookies);
    assert!(browser.session().is_empty(), "what is over goes");
    let query = scene.provider.authorize(&led_to(&answer));
    let page = scene.come_back(&mut browser, &query).answer();
    assert_eq!(resent(&page).1, "a=1");
}

#[test]
fn a_form_with_a_session_that_lives_goes_on_at_once_and_its_body_is_not_asked_for() {
    let mut scene = keeping();
    let browser = scene.log_in();
    let request = browser.form("/orders");
    let stream = scene.arrive(&request);
    assert!(matches!(scene.outcome(stream), Some(Outcome::Forward(_))));
    assert!(!scene.worker.body_grows(stream, 3, true));
}

#[test]
fn tampered_lost_and_foreign_forms_end_on_a_page_that_says_so_and_the_login_holds() {
    let mut scene = keeping();
    let mut other = Browser::default();
    scene.post_and_sign_in(&mut other, "/orders", "stolen=1");
    let foreign =
        other.jar.iter().find(|(name, _)| name.contains(".form")).unwrap().1.value.clone();
    for change in [Some("1.AAAA".to_owned()), Some(String::new()), Some(foreign), None] {
        let mut browser = Browser::default();
        let query = scene.post_and_sign_in(&mut browser, "/orders", "a=1");
        let name = browser.forms()[0].to_owned();
        match change {
            Some(value) => browser.jar.get_mut(&name).unwrap().value = value,
            None => drop(browser.jar.remove(&name)),
        }
        let page = scene.come_back(&mut browser, &query).answer();
        assert_eq!(page.status, 200);
        assert!(page.body.contains("is not there any more") && !page.body.contains("<form"));
        assert!(page.body.contains("href=\"/orders/new?step=2\""), "{}", page.body);
        scene.send(&browser.page("/")).upstream();
    }
}

#[test]
fn a_form_that_is_too_old_is_gone_and_the_login_begins_again() {
    let mut scene = keeping();
    let mut browser = Browser::default();
    let query = scene.post_and_sign_in(&mut browser, "/orders", "a=1");
    scene.jump(600);
    let answer = scene.come_back(&mut browser, &query).answer();
    assert!(to_provider(&answer));
    let query = scene.provider.authorize(answer.location());
    let answer = scene.come_back(&mut browser, &query).answer();
    assert_eq!((answer.status, answer.location()), (302, "https://app.example/orders/new?step=2"));
}

#[test]
fn two_tabs_keep_the_later_form_and_the_earlier_one_is_told_so() {
    let mut scene = keeping();
    let mut browser = Browser::default();
    let first = scene.post_and_sign_in(&mut browser, "/one", "a=1");
    let second = scene.post_and_sign_in(&mut browser, "/two", "b=2");
    let page = scene.come_back(&mut browser, &first).answer();
    assert!(page.body.contains("is not there any more") && !page.body.contains("<form"));
    let page = scene.come_back(&mut browser, &second).answer();
    assert_eq!(resent(&page), ("/two".to_owned(), "b=2".to_owned()));
    assert!(browser.forms().is_empty());
}

#[test]
fn a_plain_login_in_another_tab_leaves_the_form_alone() {
    let mut scene = keeping();
    let mut browser = Browser::default();
    let form = scene.post_and_sign_in(&mut browser, "/one", "a=1");
    let plain = scene.begin(&mut browser, "/plain");
    let answer = scene.come_back(&mut browser, &plain).answer();
    assert_eq!(answer.location(), "https://app.example/plain");
    let page = scene.come_back(&mut browser, &form).answer();
    assert_eq!(resent(&page).1, "a=1");
}

#[test]
fn a_callback_that_is_opened_again_by_whoever_got_no_answer_still_has_the_form() {
    let mut scene = keeping();
    let mut browser = Browser::default();
    let query = scene.post_and_sign_in(&mut browser, "/one", "a=1");
    let lost = scene.send(&browser.page(&format!("{CALLBACK}?{query}"))).answer();
    assert_eq!(lost.status, 200, "but the browser never sees it");
    let page = scene.come_back(&mut browser, &query).answer();
    assert_eq!(resent(&page).1, "a=1");
    assert_eq!(scene.token_calls(), 1);
    // With the back button, after the form was sent: on to its page.
    let answer = scene.come_back(&mut browser, &query).answer();
    assert_eq!((answer.status, answer.location()), (302, "https://app.example/orders/new?step=2"));
}

#[test]
fn a_login_that_fails_takes_its_form_along() {
    let mut scene = keeping();
    let mut browser = Browser::default();
    let query = scene.post_and_sign_in(&mut browser, "/one", "a=1");
    let state = query.split('&').find(|pair| pair.starts_with("state=")).unwrap();
    let issuer = query.split('&').find(|pair| pair.starts_with("iss=")).unwrap_or_default();
    let failed = format!("error=access_denied&{state}&{issuer}");
    let answer = scene.come_back(&mut browser, &failed).answer();
    assert_eq!(answer.status, 400);
    assert!(browser.jar.is_empty(), "{:?}", browser.jar.keys());
}

#[test]
fn without_randomness_nothing_is_kept_and_nothing_passes() {
    let mut probe = keeping();
    let before = probe.host.draws;
    probe.post(&mut Browser::default(), &Browser::default().form("/o"), b"a=1");
    let draws = probe.host.draws - before;
    assert!(draws >= 5, "state, nonce, verifier, two seals: {draws}");
    for draw in 0..draws {
        let mut scene = keeping();
        scene.host.randomness = Randomness::FailsAt(scene.host.draws + draw);
        let answer = scene.post(&mut Browser::default(), &Browser::default().form("/o"), b"a=1");
        assert_eq!((answer.status, answer.code().as_str()), (503, "no_entropy"), "draw {draw}");
        assert!(answer.set_cookies.is_empty());
    }
}

pub(crate) fn to_provider_by_page(answer: &Answered) -> bool {
    let refreshes = answer.body.contains("http-equiv=\"refresh\"");
    answer.status == 401
        && refreshes
        && led_to(answer).starts_with("https://")
        && answer.set_cookies.iter().any(|line| line.contains(".form="))
}

/// A page that says that nothing was sent on, and why it is not kept.
#[track_caller]
pub(crate) fn assert_not_kept(answer: &Answered, why: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (401, "form_not_sent"), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    assert!(answer.body.contains("<h1>Nothing was sent on</h1>"), "{}", answer.body);
    assert!(answer.body.contains(why), "{why}: {}", answer.body);
    assert!(answer.set_cookies.is_empty() && answer.header("location").is_none(), "{answer:?}");
    let link = "href=\"/oauth2/login?return_to=%2Forders%2Fnew%3Fstep%3D2\" target=\"_blank\"";
    assert!(answer.body.contains(link), "{}", answer.body);
}
