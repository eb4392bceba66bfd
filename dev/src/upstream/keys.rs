//! The provider's keys, as an API fetches and keeps them: asked for again when a token names one that is not there.

use std::io;
use std::sync::{Mutex, PoisonError};

use jsonwebtoken::jwk::Jwk;
use serde_json::Value;

use super::fetch;

/// The keys that were last seen.
pub(super) struct Keys {
    uri: String,
    known: Mutex<Vec<Jwk>>,
}

impl Keys {
    /// Keys at an `http://` address; none are fetched yet.
    pub(super) const fn at(uri: String) -> Self {
        Self { uri, known: Mutex::new(Vec::new()) }
    }

    /// The key named `kid`, fetched if need be. `Ok(None)`: the provider has none of that name.
    ///
    /// Errors: the provider does not answer, or not with keys.
    pub(super) async fn named(&self, kid: &str) -> io::Result<Option<Jwk>> {
        if let Some(key) = self.known(kid) {
            return Ok(Some(key));
        }
        let answer = fetch::get(&self.uri, &[]).await?;
        if answer.status() != 200 {
            return Err(io::Error::other(format!("{} answered {}", self.uri, answer.status())));
        }
        let set: Value = serde_json::from_slice(answer.body())?;
        let keys = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or_else(|| io::Error::other("the provider's key set has no member `keys`"))?;
        // A key of a kind that this library does not know is no reason to do without the others.
        let usable = keys.iter().filter_map(|key| serde_json::from_value(key.clone()).ok());
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = usable.collect();
        Ok(self.known(kid))
    }

    fn known(&self, kid: &str) -> Option<Jwk> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|key| key.common.key_id.as_deref() == Some(kid)).cloned()
    }
}
