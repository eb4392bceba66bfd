//! What kind of token this is, by what it says of itself (RFC 8725 section 3.11).
//!
//! Besides the header's `typ` there is Keycloak's claim `typ` (`ID`, `Bearer`, `DPoP`,
//! `Refresh`, `Offline`, `Logout`), and there are claims that only one kind has:
//!
//! | claim | kind | source |
//! |---|---|---|
//! | `at_hash`, `c_hash` | ID token | OIDC Core 3.1.3.6, 3.3.2.11 |
//! | `nonce` | ID token, unless the token says that it is an access token | OIDC Core 2 |
//! | `events` | logout token, security event | Back-Channel Logout 2.4, RFC 8417 |
//!
//! Keycloak before version 25 puts `nonce` into its access tokens as well: there the claim
//! `typ` is `Bearer`, and that counts.

use std::fmt;

use super::claims::Claims;
use super::refusal::Check;
use super::words::quoted;

/// Which of the two kinds of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Who logged in, told to the client.
    IdToken,
    /// What may be done, told to the API.
    AccessToken,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::IdToken => "ID token",
            Self::AccessToken => "access token",
        })
    }
}

/// A media type as it is compared: lower case, without `application/` (RFC 7515 section 4.1.9).
pub(super) fn normal_typ(typ: &str) -> String {
    let lower = typ.to_ascii_lowercase();
    lower.strip_prefix("application/").map(str::to_owned).unwrap_or(lower)
}

/// Whether `typ` (the header's) and the claims are those of an ID token.
pub(super) fn must_be_id_token(typ: Option<&str>, claims: &Claims) -> Result<(), Check> {
    match claims.text("typ")? {
        Some(typ) if typ.eq_ignore_ascii_case("ID") => {}
        Some(typ) => return Err(of_claim(typ)),
        None if claims.has("events") => return Err(by_claim(LOGOUT_TOKEN, "events")),
        None => {}
    }
    match typ {
        Some(typ) if normal_typ(typ) != "jwt" => {
            Err(Check::Type { expected: vec!["JWT".to_owned()], found: Some(typ.to_owned()) })
        }
        _ => Ok(()),
    }
}

/// Whether the claims are those of an access token; the header's `typ` is judged by the
/// operator's own list.
pub(super) fn must_be_access_token(typ: Option<&str>, claims: &Claims) -> Result<(), Check> {
    let mut says_so = typ.is_some_and(|typ| normal_typ(typ) == "at+jwt");
    match claims.text("typ")? {
        Some(typ) if typ.eq_ignore_ascii_case("Bearer") || typ.eq_ignore_ascii_case("DPoP") => {
            says_so = true;
        }
        Some(typ) => return Err(of_claim(typ)),
        None => {}
    }
    for name in ["at_hash", "c_hash"] {
        if claims.has(name) {
            return Err(by_claim(ID_TOKEN, name));
        }
    }
    if claims.has("nonce") && !says_so {
        return Err(by_claim(ID_TOKEN, "nonce"));
    }
    if claims.has("events") {
        return Err(by_claim(LOGOUT_TOKEN, "events"));
    }
    Ok(())
}

/// Whether what the provider said of a token is said of an access token that whoever has it may
/// send (RFC 6750): `token_type` (RFC 7662 section 2.2), and Ory's `token_use`.
pub(super) fn must_be_bearer(claims: &Claims) -> Result<(), Check> {
    const EXPECTED: &str = "Bearer, or absent";
    match claims.text("token_type")? {
        None => {}
        Some(typ) if typ.eq_ignore_ascii_case("Bearer") => {}
        Some(typ) => {
            let found = quoted(typ);
            return Err(Check::ClaimInvalid { claim: "token_type", expected: EXPECTED, found });
        }
    }
    match claims.text("token_use")? {
        None | Some("access_token" | "access") => Ok(()),
        Some(usage) => Err(Check::OtherKind {
            found: "a token of another kind".to_owned(),
            because: format!("its token_use is {}", quoted(usage)),
        }),
    }
}

const ID_TOKEN: &str = "an ID token";
const LOGOUT_TOKEN: &str = "a logout token";

fn by_claim(found: &str, name: &str) -> Check {
    Check::OtherKind { found: found.to_owned(), because: format!("it has the claim {name}") }
}

/// Keycloak's claim `typ` names the kind (its `TokenUtil`).
fn of_claim(typ: &str) -> Check {
    let known = [
        ("ID", ID_TOKEN),
        ("Bearer", "an access token"),
        ("DPoP", "an access token"),
        ("Refresh", "a refresh token"),
        ("Offline", "an offline refresh token"),
        ("Logout", LOGOUT_TOKEN),
    ];
    let found = known.iter().find(|(name, _)| typ.eq_ignore_ascii_case(name));
    Check::OtherKind {
        found: found.map_or("a token of another kind", |(_, found)| found).to_owned(),
        because: format!("its claim typ is {}", quoted(typ)),
    }
}
