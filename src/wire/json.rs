//! JSON (RFC 8259) from tokens, providers and operators: strict and bounded.
//!
//! A member that stands twice in an object is an error, not "the last one wins"
//! (RFC 7519 section 4): two readers of one token must never see two tokens.
//! Nesting is bounded by serde_json (128 levels), size by the caller.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// A JSON value; members of an object stay in the order of the text.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number that is an integer of 64 bits.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Self>),
    /// An object; no name stands twice.
    Object(Vec<(String, Self)>),
}

/// Why a text is not JSON that we accept.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Longer than the caller allows.
    #[error("{found} bytes long; at most {limit} are read")]
    TooLong {
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not JSON, or a member that stands twice. The text never quotes the input's values.
    #[error("{0}")]
    Syntax(String),
}

impl Json {
    /// Reads one JSON value of at most `limit` bytes; nothing may follow it.
    ///
    /// # Errors
    /// [`JsonError`] where the text is too long, malformed, or names a member twice.
    pub fn parse(text: &[u8], limit: usize) -> Result<Self, JsonError> {
        if text.len() > limit {
            return Err(JsonError::TooLong { found: text.len(), limit });
        }
        serde_json::from_slice(text).map_err(|error| JsonError::Syntax(error.to_string()))
    }

    /// The member `name` of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => {
                members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// `true` or `false`.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The members of an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(members) => Some(members),
            _ => None,
        }
    }

    /// The members of an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// What kind of value this is, in a word for people.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Compact JSON text.
impl fmt::Display for Json {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => out.write_str("null"),
            Self::Bool(value) => write!(out, "{value}"),
            Self::Integer(value) => write!(out, "{value}"),
            Self::Float(value) => {
                out.write_str(&serde_json::to_string(value).map_err(|_| fmt::Error)?)
            }
            Self::String(text) => write_string(out, text),
            Self::Array(members) => {
                out.write_str("[")?;
                for (index, member) in members.iter().enumerate() {
                    if index > 0 {
                        out.write_str(",")?;
                    }
                    write!(out, "{member}")?;
                }
                out.write_str("]")
            }
            Self::Object(members) => {
                out.write_str("{")?;
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.write_str(",")?;
                    }
                    write_string(out, name)?;
                    write!(out, ":{value}")?;
                }
                out.write_str("}")
            }
        }
    }
}

fn write_string(out: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let quoted = serde_json::to_string(text).map_err(|_| fmt::Error)?;
    out.write_str(&quoted)
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "numbers beyond 64 bits signed are only ever refused"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or(Json::Float(value as f64), Json::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = sequence.next_element()? {
            members.push(member);
        }
        Ok(Json::Array(members))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        let mut names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.array_windows().any(|[one, next]| one == next) {
            return Err(A::Error::custom("a member stands twice in one object"));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Json, JsonError> {
        Json::parse(text.as_bytes(), 1_000_000)
    }

    #[test]
    fn a_member_that_stands_twice_is_refused() {
        assert!(parse(r#"{"aud":"a","aud":"b"}"#).is_err());
        assert!(parse(r#"{"x":{"aud":"a","\u0061ud":"b"}}"#).is_err());
        assert!(parse(r#"{"x":{"aud":"a"},"aud":"b"}"#).is_ok());
    }

    #[test]
    fn nothing_may_follow_and_depth_is_bounded() {
        assert!(parse("{} {}").is_err());
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&("[".repeat(100) + &"]".repeat(100))).is_ok());
        assert!(Json::parse(b"[1,2]", 4).is_err());
    }

    #[test]
    fn numbers_keep_what_they_are() {
        assert_eq!(parse("9223372036854775807").unwrap(), Json::Integer(i64::MAX));
        assert!(matches!(parse("9223372036854775808").unwrap(), Json::Float(_)));
        assert!(matches!(parse("1.0").unwrap(), Json::Float(_)));
        assert!(parse("1e999").is_err());
        assert!(parse("-").is_err());
    }

    #[test]
    fn text_comes_back() {
        let text = r#"{"a":[1,-2,1.5,null,true,"q\"\n"],"b":{}}"#;
        assert_eq!(parse(text).unwrap().to_string(), text);
    }
}
