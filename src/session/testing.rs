//! Sessions in the shape and of the lengths that Keycloak 26 gives its users; all names,
//! identifiers and signatures are noise. Not in the filter: only under `cfg(test)` or the
//! feature `testing`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::missing_panics_doc,
    reason = "a test may stop where it went wrong"
)]

use crate::crypto::{Entropy, NoEntropy, Secret};
use crate::token::testing::opened;
use crate::token::{AccessToken, IdToken};
use crate::wire::{Timestamp, base64url};

use super::{Granted, Session};

/// When the sessions of [`User::session`] began: 2025-10-09T08:53:20Z.
pub const NOW: Timestamp = Timestamp::from_seconds(1_760_000_000);

/// Numbers that only look random (xorshift64), the same in every run.
pub struct Xorshift(pub u64);

impl Entropy for Xorshift {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for byte in bytes {
            *byte = self.next().to_le_bytes()[3];
        }
        Ok(())
    }
}

/// A user, and how long Keycloak's tokens are for it, in bytes.
pub struct User {
    /// What everybody calls it.
    pub name: &'static str,
    /// Realm roles and groups, as many of each.
    roles: usize,
    access_token: usize,
    refresh_token: usize,
    id_token: usize,
}

/// Has what every user has.
pub const ALICE: User =
    User { name: "alice", roles: 0, access_token: 1538, refresh_token: 806, id_token: 1110 };
/// The same with a shorter name.
pub const BOB: User =
    User { name: "bob", roles: 0, access_token: 1478, refresh_token: 806, id_token: 1099 };
/// Is in 40 groups and has 40 roles.
pub const CAROL: User =
    User { name: "carol", roles: 40, access_token: 3539, refresh_token: 816, id_token: 2351 };

impl User {
    /// Bytes of all three tokens.
    #[must_use]
    pub const fn tokens(&self) -> usize {
        self.access_token + self.refresh_token + self.id_token
    }

    /// The user's session, new for each `seed`.
    #[must_use]
    pub fn session(&self, seed: u64) -> Session {
        session(self, seed)
    }
}

impl Xorshift {
    /// The next one.
    #[allow(clippy::should_implement_trait, reason = "it never ends")]
    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn from(&mut self, alphabet: &[u8], count: usize) -> String {
        let mut one = || char::from(alphabet[self.next() as usize % alphabet.len()]);
        (0..count).map(|_| one()).collect()
    }

    fn letters(&mut self, count: usize) -> String {
        self.from(b"abcdefghijklmnopqrstuvwxyz", count)
    }

    fn base64url(&mut self, bytes: usize) -> String {
        let mut noise = vec![0; bytes];
        self.fill(&mut noise).unwrap();
        base64url::encode(&noise)
    }

    fn uuid(&mut self) -> String {
        let mut hex = |count| self.from(b"0123456789abcdef", count);
        format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12))
    }

    fn quoted(&mut self, count: usize, before: &str, letters: usize) -> String {
        let names = (0..count).map(|_| format!(r#""{before}{}""#, self.letters(letters)));
        names.collect::<Vec<_>>().join(",")
    }

    /// A token of exactly `length` bytes: `@` in its claims stands for as many letters as
    /// that needs.
    fn token(&mut self, length: usize, header: &str, claims: &str, signature: usize) -> String {
        let header = base64url::encode(header.as_bytes());
        let signature = self.base64url(signature);
        let room = (length - header.len() - signature.len() - 2) * 3 / 4;
        let missing = (room + 1).checked_sub(claims.len()).expect("claims are longer than a token");
        let claims = claims.replace('@', &self.letters(missing)).replace('\u{1}', "@");
        let token = format!("{header}.{}.{signature}", base64url::encode(claims.as_bytes()));
        assert_eq!(token.len(), length);
        token
    }
}

/// The user's session, new for each `seed`.
fn session(user: &User, seed: u64) -> Session {
    let mut noise = Xorshift(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let header =
        |alg: &str, kid: &str| format!(r#"{{"alg":"{alg}","typ" : "JWT","kid" : "{kid}"}}"#);
    let rs256 = header("RS256", &noise.base64url(32));
    let hs512 = header("HS512", &noise.uuid());
    let (name, sub, sid) = (user.name, noise.uuid(), noise.uuid());
    let issuer = "https://id.acme.test/realms/acme";
    let (roles, groups, scope) = if user.roles == 0 {
        (String::new(), String::new(), "openid email profile")
    } else {
        let groups = noise.quoted(user.roles, "/teams/", 13);
        let roles = format!(",{}", noise.quoted(user.roles, "", 11));
        (roles, format!(r#","groups":[{groups}]"#), "openid email profile groups")
    };
    let profile = format!(
        r#""email_verified":true,"name":"{name} Doe","preferred_username":"{name}","given_name":"{name}","family_name":"Doe","email":"{name}{at}acme.test"{groups}"#,
        at = '\u{1}'
    );
    let times = r#""exp":1760000297,"iat":1759999997"#;
    let access = format!(
        r#"{{{times},"auth_time":1759999996,"jti":"onrtac:{jti}","iss":"{issuer}","aud":["APP-backend","account"],"sub":"{sub}","typ":"Bearer","azp":"APP-frontend","sid":"{sid}","acr":"1","allowed-origins":["https://app.example","https://@.test"],"realm_access":{{"roles":["default-roles-acme","offline_access","uma_authorization"{roles}]}},"resource_access":{{"APP-backend":{{"roles":["read"]}},"account":{{"roles":["manage-account","manage-account-links","view-profile"]}}}},"scope":"{scope}",{profile}}}"#,
        jti = noise.uuid(),
    );
    let id = format!(
        r#"{{{times},"auth_time":1759999996,"jti":"{jti}","iss":"{issuer}","aud":"APP-frontend","sub":"{sub}","typ":"ID","azp":"APP-frontend","nonce":"@","sid":"{sid}","at_hash":"{at_hash}","acr":"1",{profile}}}"#,
        jti = noise.uuid(),
        at_hash = noise.base64url(16),
    );
    let refresh = format!(
        r#"{{"exp":1760001797,"iat":1759999997,"jti":"{jti}","iss":"{issuer}","aud":"{issuer}","sub":"{sub}","typ":"Refresh","azp":"APP-frontend","sid":"{sid}","reuse_id":"{reuse}","scope":"{scope} APP-backend web-origins acr roles basic @"}}"#,
        jti = noise.uuid(),
        reuse = noise.uuid(),
    );
    let id = noise.token(user.id_token, &rs256, &id, 256);
    let access = noise.token(user.access_token, &rs256, &access, 256);
    let refresh = noise.token(user.refresh_token, &hs512, &refresh, 64);
    let opened = opened();
    Session {
        id: [7; 16],
        id_token: IdToken::restore(Secret::new(id), &opened).unwrap(),
        access_token: Some(Granted::Known(
            AccessToken::restore(Secret::new(access), &opened).unwrap(),
        )),
        refresh_token: Some(Secret::new(refresh)),
        created: NOW,
        seen: NOW,
        narrowed: 0,
        kept: Vec::new(),
    }
}
