//! HTTP's small words: hostile bytes come in, validated values go out.
//!
//! What can be written with these types is well formed: a [`HeaderValue`] holds no line
//! break, a [`LocalPath`] leads to no other origin, a [`Form`] gives a parameter only
//! where it stands once, and [`Fields`] go back as they came. RFC 9110 (fields), RFC 6265 and 6265bis (cookies), RFC 6454
//! (origins), RFC 3986 and the WHATWG URL Standard (URLs, forms).

mod bytes;
pub mod cookie;
pub mod fields;
pub mod form;
pub mod head;
pub mod header;
pub mod local_path;
pub mod response;
mod target;
pub mod url;

pub use cookie::{SameSite, SetCookie};
pub use fields::Fields;
pub use form::{Form, FormError};
pub use head::{Head, Pair};
pub use header::{FoldedName, HeaderName, HeaderValue, InvalidHeader};
pub use local_path::LocalPath;
pub use response::Response;
pub use target::split_target;
pub use url::{InvalidUrl, Origin, Scheme, Url};
