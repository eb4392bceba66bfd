//! The seal on cookies: XChaCha20-Poly1305 (RFC 8439, with the 192-bit nonces of
//! draft-irtf-cfrg-xchacha-03).
//!
//! ```text
//! sealed  = version(1) | key_id(4) | nonce(24) | AEAD[key](nonce, plaintext, associated)
//! key_id  = first 4 bytes of SHA-256("oidc-gate key id" | key)
//! associated = version | key_id | len(purpose) purpose | len(name) name | len(host) host
//! ```
//!
//! A random nonce of 192 bits may be drawn for every cookie of every worker for ever.
//! The associated data binds a sealed value to what it is for, to the cookie's name
//! and to the host it was made for: a login transaction is no session, and the cookie
//! of one host is noise on another.

use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};

use super::digest::{hmac_sha256, sha256};
use super::entropy::{Entropy, NoEntropy, random_bytes};
use super::secret::Key;

const VERSION: u8 = 1;
const KEY_ID_LENGTH: usize = 4;
const NONCE_LENGTH: usize = 24;
const TAG_LENGTH: usize = 16;

/// Bytes that sealing adds to what is sealed.
pub const OVERHEAD: usize = 1 + KEY_ID_LENGTH + NONCE_LENGTH + TAG_LENGTH;

/// What a sealed value is for; one purpose never opens as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A session: the tokens of a user who is logged in.
    Session,
    /// A session on its way to other workers of the same process.
    Handover,
    /// A login transaction: state, nonce and PKCE verifier of one attempt.
    Login,
    /// A form that waits for its sender to be signed in.
    Form,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Session => b"session",
            Self::Handover => b"handover",
            Self::Login => b"login",
            Self::Form => b"form",
        }
    }
}

/// What a value is bound to besides its key.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// What it is for.
    pub purpose: Purpose,
    /// The cookie's name.
    pub name: &'a str,
    /// The public host (and port, where it is not the scheme's own) it was made for.
    pub host: &'a str,
}

/// Bytes that came out of the AEAD: whatever is in them, this gate wrote it.
/// Only [`SealingKeys::open`] makes one.
#[derive(Debug)]
pub struct Opened {
    bytes: zeroize::Zeroizing<Vec<u8>>,
    with_first_key: bool,
}

impl Opened {
    /// The plaintext.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the key that seals today opened it; otherwise it should be sealed anew.
    #[must_use]
    pub const fn with_first_key(&self) -> bool {
        self.with_first_key
    }
}

struct SealingKey {
    id: [u8; KEY_ID_LENGTH],
    cipher: XChaCha20Poly1305,
}

/// The operator's keys: the first seals, every one opens.
pub struct SealingKeys {
    first: SealingKey,
    others: Vec<SealingKey>,
    /// What pseudonyms are made with: of the first key, and no way back to it.
    pseudonyms: Key,
}

/// What tells the key of pseudonyms from others that may once come of the same one.
const PSEUDONYMS: &[u8] = b"oidc-gate pseudonyms";

impl SealingKeys {
    /// Keys of 32 bytes; `first` seals.
    #[must_use]
    pub fn new(first: &Key, others: &[Key]) -> Self {
        Self {
            first: SealingKey::new(first),
            others: others.iter().map(SealingKey::new).collect(),
            pseudonyms: Key::new(hmac_sha256(first.expose(), &[PSEUDONYMS])),
        }
    }

    /// What `text` is called where it may not be told: always the same with the same first key, and
    /// another for each `kind` of text. Without the key nobody can try texts against it.
    #[must_use]
    pub fn pseudonym(&self, kind: &str, text: &[u8]) -> [u8; 16] {
        let digest = hmac_sha256(self.pseudonyms.expose(), &[kind.as_bytes(), b"\0", text]);
        // A prefix of an HMAC is one (RFC 2104 section 5).
        let mut half = [0; 16];
        half.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        half
    }

    /// Seals `plaintext` with the first key.
    ///
    /// # Errors
    /// [`NoEntropy`] where no nonce can be drawn: nothing is ever sealed without one.
    pub fn seal(
        &self,
        binding: Binding<'_>,
        plaintext: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, NoEntropy> {
        let nonce = random_bytes::<NONCE_LENGTH>(entropy)?;
        let associated = self.first.associated(binding);
        let payload = Payload { msg: plaintext, aad: &associated };
        // The cipher refuses only plaintexts of more than 256 GiB, which no cookie is.
        let ciphertext =
            self.first.cipher.encrypt(&nonce.into(), payload).map_err(|_| NoEntropy)?;
        let mut sealed = Vec::with_capacity(plaintext.len().saturating_add(OVERHEAD));
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.first.id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// Opens what one of the keys sealed for the same binding; `None` for anything else.
    #[must_use]
    pub fn open(&self, binding: Binding<'_>, sealed: &[u8]) -> Option<Opened> {
        let (version, rest) = sealed.split_first()?;
        let (id, rest) = rest.split_first_chunk::<KEY_ID_LENGTH>()?;
        // The length is fixed before the cipher sees it: a short nonce once killed a gate like this one.
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LENGTH>()?;
        if *version != VERSION || ciphertext.len() < TAG_LENGTH {
            return None;
        }
        let first = std::iter::once((&self.first, true));
        let keys = first.chain(self.others.iter().map(|key| (key, false)));
        for (key, with_first_key) in keys.filter(|(key, _)| key.id == *id) {
            let associated = key.associated(binding);
            let payload = Payload { msg: ciphertext, aad: &associated };
            if let Ok(plaintext) = key.cipher.decrypt(&(*nonce).into(), payload) {
                return Some(Opened { bytes: plaintext.into(), with_first_key });
            }
        }
        None
    }
}

impl std::fmt::Debug for SealingKeys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("[redacted]")
    }
}

impl SealingKey {
    fn new(key: &Key) -> Self {
        let mut labelled = zeroize::Zeroizing::new(b"oidc-gate key id".to_vec());
        labelled.extend_from_slice(key.expose());
        let digest = sha256(&labelled);
        let mut id = [0; KEY_ID_LENGTH];
        for (to, from) in id.iter_mut().zip(digest) {
            *to = from;
        }
        Self { id, cipher: XChaCha20Poly1305::new(key.expose().into()) }
    }

    fn associated(&self, binding: Binding<'_>) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.id);
        for part in [binding.purpose.label(), binding.name.as_bytes(), binding.host.as_bytes()] {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter(u8);
    impl Entropy for Counter {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
            self.0 = self.0.wrapping_add(1);
            bytes.fill(self.0);
            Ok(())
        }
    }
    struct Broken;
    impl Entropy for Broken {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
            Err(NoEntropy)
        }
    }

    const HERE: Binding<'static> =
        Binding { purpose: Purpose::Session, name: "__Host-oidc_gate", host: "app.example" };

    fn keys(bytes: &[u8]) -> SealingKeys {
        let mut keys = bytes.iter().map(|byte| Key::new([*byte; 32]));
        let first = keys.next().unwrap();
        SealingKeys::new(&first, &keys.collect::<Vec<_>>())
    }

    #[test]
    fn what_was_sealed_opens_and_every_key_opens() {
        let sealed = keys(&[1]).seal(HERE, b"tokens", &mut Counter(0)).unwrap();
        let opened = keys(&[1]).open(HERE, &sealed).unwrap();
        assert_eq!(opened.bytes(), b"tokens");
        assert!(opened.with_first_key());
        let opened = keys(&[2, 1]).open(HERE, &sealed).unwrap();
        assert_eq!(opened.bytes(), b"tokens");
        assert!(!opened.with_first_key());
        assert!(keys(&[2]).open(HERE, &sealed).is_none());
    }

    #[test]
    fn another_purpose_name_or_host_does_not_open() {
        let sealed = keys(&[1]).seal(HERE, b"tokens", &mut Counter(0)).unwrap();
        let elsewhere = [
            Binding { purpose: Purpose::Login, ..HERE },
            Binding { name: "__Host-oidc_gat", ..HERE },
            Binding { host: "evil.example", ..HERE },
            Binding { name: "__Host-oidc_gatea", host: "pp.example", ..HERE },
        ];
        for binding in elsewhere {
            assert!(keys(&[1]).open(binding, &sealed).is_none(), "{binding:?}");
        }
    }

    #[test]
    fn any_changed_or_missing_byte_does_not_open() {
        let sealed = keys(&[1]).seal(HERE, b"tokens", &mut Counter(0)).unwrap();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(keys(&[1]).open(HERE, &changed).is_none());
            assert!(keys(&[1]).open(HERE, &sealed[..index]).is_none());
        }
    }

    #[test]
    fn a_pseudonym_is_that_of_one_text_of_one_kind_under_the_first_key() {
        let alice = keys(&[1]).pseudonym("subject", b"alice");
        assert_eq!(keys(&[1, 2]).pseudonym("subject", b"alice"), alice);
        assert_ne!(keys(&[2, 1]).pseudonym("subject", b"alice"), alice);
        assert_ne!(keys(&[1]).pseudonym("subject", b"alicf"), alice);
        assert_ne!(keys(&[1]).pseudonym("session", b"alice"), alice);
        assert_ne!(alice[..], sha256(b"alice")[..16]);
    }

    #[test]
    fn nothing_is_sealed_without_randomness() {
        assert_eq!(keys(&[1]).seal(HERE, b"tokens", &mut Broken), Err(NoEntropy));
    }
}
