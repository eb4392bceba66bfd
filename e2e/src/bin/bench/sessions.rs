//! How small sessions are, and what it costs to seal and to open one, without Envoy: the gate's own code, on this
//! machine. In the filter a session is opened once a worker; then it is known.

use std::hint::black_box;
use std::time::Instant;

use oidc_gate::config::Config;
use oidc_gate::session::testing::{ALICE, BOB, CAROL, User, Xorshift};
use oidc_gate::session::{Cookies, Jar};
use serde_json::json;

const HOST: &str = "app.example";
const TIMES: u32 = 500;
/// The fastest of these counts: whatever else ran can only have added.
const RUNS: usize = 15;

/// A line for each user: bytes of cookies, names and values, and microseconds.
pub(crate) fn measure() -> String {
    [ALICE, BOB, CAROL].iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(user: &User) -> String {
    let settings = settings();
    let (cookies, session) = (Cookies::new(&settings), user.session(1));
    let mut noise = Xorshift(7);
    let mut seal = || {
        cookies
            .write_session(&settings.keys, &session, HOST, &Jar::default(), &mut noise)
            .expect("it fits")
    };
    let set = seal();
    let bytes: usize = set.iter().map(|cookie| cookie.name.len() + cookie.value.len()).sum();
    let header: Vec<_> =
        set.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    let header = header.join("; ");
    let jar = cookies.collect(std::iter::once(header.as_bytes()));
    let open = || {
        let text = cookies.session_text(&jar).expect("it is whole").join();
        cookies.open_session(&settings.keys, &text, HOST).expect("it opens")
    };
    format!(
        "{}: {bytes} bytes in {} cookie(s) for {} bytes of tokens; sealed in {:.0} µs, opened in {:.0} µs (natively)",
        user.name,
        set.len(),
        user.tokens(),
        microseconds(|| drop(black_box(seal()))),
        microseconds(|| drop(black_box(open()))),
    )
}

fn microseconds(mut action: impl FnMut()) -> f64 {
    let run = |_| {
        let began = Instant::now();
        for _ in 0..TIMES {
            action();
        }
        began.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
    };
    (0..RUNS).map(run).fold(f64::INFINITY, f64::min)
}

/// What the gate makes of the smallest configuration.
fn settings() -> oidc_gate::config::Session {
    let config = json!({
        "provider": { "issuer": "https://id.example/realms/acme", "cluster": "provider" },
        "client": { "client_id": "APP-frontend", "client_secret": { "inline": "only for a benchmark" } },
        "access_token": { "audiences": ["APP-backend"] },
        "session": { "keys": [{ "inline": "c2VhbHMgY29va2llcyBpbiB0ZXN0cyBvbmx5ISEhISE=" }] },
    });
    let loaded = Config::read(config.to_string().as_bytes(), &|_| None)
        .unwrap_or_else(|problems| panic!("{problems}"));
    loaded.config.session.expect("there is a login")
}
