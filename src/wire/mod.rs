//! Encodings as they come off the wire: base64url, DEFLATE, JSON and time, strict and bounded.
//!
//! Nothing here knows what the bytes mean. RFC 4648 section 5 (base64url), RFC 1951
//! (DEFLATE), RFC 8259 (JSON), RFC 7519 section 2 (NumericDate).

pub mod base64url;
pub mod deflate;
pub mod json;
pub mod sorted;
pub mod time;

pub use json::Json;
pub use sorted::SortedMap;
pub use time::Timestamp;
