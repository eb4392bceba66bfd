//! The tokens, with the claims that Keycloak puts into them, and whatever [`Faults`] make of them.

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::faults::Faults;
use super::keys::Keys;
use super::options::ProviderOptions;
use super::realm::Subject;
use crate::words::{base64url, noise, uuid};

/// A kind of token for [`DevProvider::mint`](super::DevProvider::mint).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minted {
    /// An access token for the usual audiences.
    Access,
    /// An ID token for the client, without a nonce.
    Id,
    /// A refresh token. Signed with RS256, so that only its `typ` tells it apart; real ones are signed with HS512.
    Refresh,
    /// A logout token (Back-Channel Logout 2.4).
    Logout,
}

/// Makes tokens at one moment.
pub(super) struct Mint<'a> {
    pub(super) issuer: &'a str,
    pub(super) options: &'a ProviderOptions,
    pub(super) keys: &'a Keys,
    pub(super) faults: &'a Faults,
    /// The provider's clock, its fault included.
    pub(super) now: u64,
}

impl Mint<'_> {
    /// How long access tokens are good for, in seconds.
    pub(super) fn access_lifespan(&self) -> u64 {
        self.faults.access_token_lifespan.unwrap_or(self.options.access_token_lifespan).as_secs()
    }

    /// The access token.
    pub(super) fn access(&self, subject: &Subject) -> String {
        let algorithm = self.faults.access_algorithm.unwrap_or(Algorithm::RS256);
        let mut header = self.header(algorithm);
        let mut claims = self.access_claims(subject);
        if self.faults.access_padding > 0 {
            claims.insert("padding".into(), noise(self.faults.access_padding).into());
        }
        merge(&mut header, &self.faults.access_header);
        merge(&mut claims, &self.faults.access_claims);
        damaged(self.sign(algorithm, &header, &claims), self.faults.bad_access_signature)
    }

    /// How long exchanged tokens are good for, in seconds.
    pub(super) fn exchange_lifespan(&self) -> u64 {
        self.faults.exchange_lifespan.map_or_else(|| self.access_lifespan(), |told| told.as_secs())
    }

    /// An access token for the user and session of another one, whose claims are `subject`. Its audiences are `targets`,
    /// or those that go with `scope` where there are none.
    pub(super) fn exchanged(
        &self,
        subject: &Map<String, Value>,
        targets: &[&str],
        scope: &str,
    ) -> String {
        let algorithm = self.faults.access_algorithm.unwrap_or(Algorithm::RS256);
        let mut header = self.header(algorithm);
        let mut claims = subject.clone();
        let targets = targets.iter().map(|&target| target.to_owned()).collect::<Vec<_>>();
        let targets = if targets.is_empty() { self.audiences(scope) } else { targets };
        let replaced = object(json!({
            "exp": self.now + self.exchange_lifespan(),
            "iat": self.now,
            "jti": uuid(),
            "iss": self.faults.issuer.as_deref().unwrap_or(self.issuer),
            "aud": as_aud(&targets),
            "azp": self.options.client_id,
            "scope": scope,
        }));
        merge(&mut claims, &replaced);
        merge(&mut header, &self.faults.access_header);
        merge(&mut claims, &self.faults.exchange_claims);
        damaged(self.sign(algorithm, &header, &claims), self.faults.bad_access_signature)
    }

    /// The ID token that goes with `access`.
    pub(super) fn id(&self, subject: &Subject, access: &str) -> String {
        let algorithm = self.faults.id_algorithm.unwrap_or(Algorithm::RS256);
        let mut header = self.header(algorithm);
        let mut claims = self.id_claims(subject);
        let hashed = if self.faults.bad_at_hash { "another token" } else { access };
        claims.insert("at_hash".into(), at_hash(algorithm, hashed).into());
        if let Some(nonce) = &subject.grant.nonce {
            let nonce = if self.faults.wrong_nonce { "wrong" } else { nonce };
            claims.insert("nonce".into(), nonce.into());
        }
        if self.faults.id_padding > 0 {
            claims.insert("padding".into(), noise(self.faults.id_padding).into());
        }
        merge(&mut header, &self.faults.id_header);
        merge(&mut claims, &self.faults.id_claims);
        damaged(self.sign(algorithm, &header, &claims), self.faults.bad_id_signature)
    }

    /// The refresh token: HS512, for nobody's eyes but the provider's.
    pub(super) fn refresh(&self, subject: &Subject) -> String {
        self.sign(Algorithm::HS512, &self.header(Algorithm::HS512), &self.refresh_claims(subject))
    }

    /// A token of `kind` with the claims of `overrides`; its member `$header` holds header members. `null` removes.
    ///
    /// It is signed with what its header's `alg` says, where we have a key for that; else (`none`, `HS256`) it is not
    /// signed at all.
    pub(super) fn made_up(&self, kind: Minted, subject: &Subject, overrides: &Value) -> String {
        let mut claims = match kind {
            Minted::Access => self.access_claims(subject),
            Minted::Id => self.id_claims(subject),
            Minted::Refresh => self.refresh_claims(subject),
            Minted::Logout => self.logout_claims(subject),
        };
        let mut overrides = match overrides {
            Value::Null => Map::new(),
            Value::Object(members) => members.clone(),
            other => panic!("expected an object of claims, found {other}"),
        };
        let header_overrides = overrides.remove("$header").unwrap_or_else(|| json!({}));
        let header_overrides = header_overrides.as_object().expect("`$header` is an object");
        merge(&mut claims, &overrides);

        let named = header_overrides.get("alg").map_or(Some("RS256"), Value::as_str);
        let algorithm = named.and_then(|name| name.parse().ok()).filter(|algorithm| {
            !matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)
        });
        let mut header = self.header(algorithm.unwrap_or(Algorithm::RS256));
        if kind == Minted::Logout {
            header.insert("typ".into(), "logout+jwt".into());
        }
        merge(&mut header, header_overrides);
        match algorithm {
            Some(algorithm) => self.sign(algorithm, &header, &claims),
            None => format!("{}.", unsigned(&header, &claims)),
        }
    }

    fn header(&self, algorithm: Algorithm) -> Map<String, Value> {
        object(json!({
            "alg": format!("{algorithm:?}"),
            "typ": "JWT",
            "kid": self.keys.kid(algorithm),
        }))
    }

    fn access_claims(&self, subject: &Subject) -> Map<String, Value> {
        let mut claims = self.common(subject, self.access_lifespan(), "Bearer");
        // RFC 8707 section 2.2: for the resource alone.
        let mut audiences = match subject.grant.resource.as_slice() {
            [] => self.audiences(&subject.grant.scope),
            resource => resource.to_vec(),
        };
        audiences.extend(self.faults.extra_audiences.iter().cloned());
        let audience = (!audiences.is_empty()).then(|| as_aud(&audiences));
        if let Some(audience) = self.faults.access_audience.clone().or(audience) {
            claims.insert("aud".into(), audience);
        }
        claims.insert("allowed-origins".into(), json!(["http://127.0.0.1:10000"]));
        claims.insert("realm_access".into(), json!({"roles": subject.user.roles}));
        claims.insert("resource_access".into(), json!({"APP-backend": {"roles": ["orders:read"]}}));
        claims.insert("scope".into(), subject.grant.scope.clone().into());
        claims
    }

    /// The audiences that go with `scope`.
    fn audiences(&self, scope: &str) -> Vec<String> {
        let optional = self.options.optional_scopes.iter();
        let asked = optional.filter(|(name, _)| scope.split(' ').any(|asked| asked == name));
        let asked = asked.map(|(_, audience)| audience.clone());
        self.options.audiences.iter().cloned().chain(asked).collect()
    }

    fn id_claims(&self, subject: &Subject) -> Map<String, Value> {
        let lifespan = self.faults.id_token_lifespan.unwrap_or(self.options.id_token_lifespan);
        let mut claims = self.common(subject, lifespan.as_secs(), "ID");
        let client = json!(subject.grant.client);
        claims.insert("aud".into(), self.faults.id_audience.clone().unwrap_or(client));
        claims
    }

    fn common(&self, subject: &Subject, lifespan: u64, typ: &str) -> Map<String, Value> {
        let (given, family) = subject.user.names;
        object(json!({
            "exp": self.now + lifespan,
            "iat": self.now,
            "auth_time": subject.auth_time.saturating_add_signed(self.faults.clock_offset),
            "jti": uuid(),
            "iss": self.faults.issuer.as_deref().unwrap_or(self.issuer),
            "sub": subject.user.id,
            "typ": typ,
            "azp": subject.grant.client,
            "sid": subject.session,
            "acr": "1",
            "email": format!("{}@example.test", subject.user.name),
            "email_verified": true,
            "name": format!("{given} {family}"),
            "given_name": given,
            "family_name": family,
            "preferred_username": subject.user.name,
        }))
    }

    fn refresh_claims(&self, subject: &Subject) -> Map<String, Value> {
        object(json!({
            "exp": self.now + 1800,
            "iat": self.now,
            "jti": subject.refresh.1,
            "iss": self.issuer,
            "aud": self.issuer,
            "sub": subject.user.id,
            "typ": "Refresh",
            "azp": subject.grant.client,
            "sid": subject.session,
            "scope": subject.grant.scope,
            "reuse_id": subject.refresh.0,
        }))
    }

    fn logout_claims(&self, subject: &Subject) -> Map<String, Value> {
        object(json!({
            "exp": self.now + 120,
            "iat": self.now,
            "jti": uuid(),
            "iss": self.issuer,
            "aud": subject.grant.client,
            "sub": subject.user.id,
            "typ": "Logout",
            "sid": subject.session,
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }))
    }

    fn sign(
        &self,
        algorithm: Algorithm,
        header: &Map<String, Value>,
        claims: &Map<String, Value>,
    ) -> String {
        let message = unsigned(header, claims);
        let signature = self.keys.sign(algorithm, &message);
        format!("{message}.{signature}")
    }
}

fn unsigned(header: &Map<String, Value>, claims: &Map<String, Value>) -> String {
    let part = |members: &Map<String, Value>| {
        base64url(serde_json::to_vec(members).expect("JSON can be written"))
    };
    format!("{}.{}", part(header), part(claims))
}

/// `audiences` as Keycloak writes `aud`: one as a string; `null` where there is none.
fn as_aud(audiences: &[String]) -> Value {
    match audiences {
        [] => Value::Null,
        [one] => json!(one),
        many => json!(many),
    }
}

/// `token`; with `damage`, its signature is as long as before, but wrong.
fn damaged(token: String, damage: bool) -> String {
    match token.rsplit_once('.') {
        Some((message, signature)) if damage => {
            let first = if signature.starts_with('A') { 'B' } else { 'A' };
            format!("{message}.{first}{}", &signature[1..])
        }
        _ => token,
    }
}

/// OIDC Core 3.1.3.6: the left half of the hash that belongs to the algorithm.
fn at_hash(algorithm: Algorithm, access_token: &str) -> String {
    let name = format!("{algorithm:?}");
    let hash = match name.as_bytes() {
        [.., b'3', b'8', b'4'] => Sha384::digest(access_token).to_vec(),
        [.., b'5', b'1', b'2'] | b"EdDSA" => Sha512::digest(access_token).to_vec(),
        _ => Sha256::digest(access_token).to_vec(),
    };
    base64url(&hash[..hash.len() / 2])
}

/// Replaces the members of `target` by those of `overrides`; `null` removes one.
pub(super) fn merge(target: &mut Map<String, Value>, overrides: &Map<String, Value>) {
    for (name, value) in overrides {
        match value {
            Value::Null => target.remove(name),
            other => target.insert(name.clone(), other.clone()),
        };
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => unreachable!("json!({{..}}) makes objects, not {other}"),
    }
}
