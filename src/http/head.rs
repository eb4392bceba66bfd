//! The head of a request as the host hands it over: pairs of bytes, borrowed.
//!
//! Names are compared without regard to case (RFC 9110 section 5.1). Nothing is
//! decoded here; whoever reads a value judges its bytes.

use std::fmt;

/// The fields of a request, pseudo-fields (`:path`) among them, in their order.
pub struct Head<'a> {
    pairs: Pairs<'a>,
}

/// Name and value of a field.
pub type Pair<'a> = (&'a [u8], &'a [u8]);

enum Pairs<'a> {
    Owned(Vec<Pair<'a>>),
    Borrowed(&'a [Pair<'a>]),
}

impl<'a> Head<'a> {
    /// Takes the fields in the order in which they came.
    #[must_use]
    pub const fn new(pairs: Vec<Pair<'a>>) -> Self {
        Self { pairs: Pairs::Owned(pairs) }
    }

    /// The same of fields that stand elsewhere.
    #[must_use]
    pub const fn borrowed(pairs: &'a [Pair<'a>]) -> Self {
        Self { pairs: Pairs::Borrowed(pairs) }
    }

    /// Every field: name and value, in order.
    pub fn pairs(&self) -> impl Iterator<Item = Pair<'a>> + Clone {
        let pairs = match &self.pairs {
            Pairs::Owned(pairs) => pairs,
            Pairs::Borrowed(pairs) => *pairs,
        };
        pairs.iter().copied()
    }

    /// The value of the first field called `name`.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The values of all fields called `name`, in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.pairs()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }
}

/// The number of fields only: values are cookies and tokens.
impl fmt::Debug for Head<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "[{} fields]", self.pairs().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_every_case_and_in_order() {
        let pairs: [Pair<'_>; 4] =
            [(b":path", b"/"), (b"cookie", b"a=1"), (b"Cookie", b"b=2"), (b"cookie2", b"c=3")];
        for head in [Head::new(pairs.to_vec()), Head::borrowed(&pairs)] {
            assert_eq!(head.first("cookie"), Some(&b"a=1"[..]));
            assert_eq!(head.all("cookie").collect::<Vec<_>>(), [b"a=1", b"b=2"]);
            assert_eq!(head.first(":path"), Some(&b"/"[..]));
            assert_eq!(head.first("path"), None);
            assert_eq!(head.pairs().count(), 4);
            assert_eq!(format!("{head:?}"), "[4 fields]");
        }
    }
}
