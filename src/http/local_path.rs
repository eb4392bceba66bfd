//! The way back after login: a path on this origin and nothing else (RFC 9700 section
//! 4.11: no open redirector).

use super::form;

/// The longest way back that is kept.
const LONGEST: usize = 2048;

/// A path with its query, as in `Location`, that every browser resolves to this origin.
///
/// It begins with one `/`. What follows is neither a second `/` nor a `\`, plain or
/// encoded (`//evil` and `/\evil` name another host). It is visible ASCII without `\` and
/// `#`: browsers drop tabs and line breaks, so `/<TAB>/evil` would be `//evil`. Its path
/// has no dot segments and no encoded controls: no reader can resolve it to the above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalPath(String);

impl LocalPath {
    /// Reads a way back that came from outside; `None` where it might lead elsewhere.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let plain = |byte: &u8| byte.is_ascii_graphic() && !b"\\#".contains(byte);
        if text.len() > LONGEST || !text.iter().all(plain) {
            return None;
        }
        let path = text.split(|byte| *byte == b'?').next()?.strip_prefix(b"/")?;
        if !begins_harmlessly(path) || path.split(|byte| *byte == b'/').any(is_hostile) {
            return None;
        }
        String::from_utf8(text.to_vec()).ok().map(Self)
    }

    /// `/`.
    #[must_use]
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// The path, with its query.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether what follows the first `/` is no second slash of any kind. An encoded `%` is
/// refused as well: decoded twice, `/%252fevil` is `//evil`.
fn begins_harmlessly(path: &[u8]) -> bool {
    match path {
        [b'%', digits @ ..] => {
            form::escaped(digits).is_some_and(|(byte, _)| !matches!(byte, b'/' | b'\\' | b'%'))
        }
        [first, ..] => *first != b'/',
        [] => true,
    }
}

/// Whether a segment is `.` or `..`, be it one that an encoded slash would cut out, or
/// holds an encoded control or a broken escape.
fn is_hostile(segment: &[u8]) -> bool {
    let (mut length, mut dots) = (0_usize, 0_usize);
    let mut rest = segment;
    while let [byte, tail @ ..] = rest {
        let (byte, tail) = if *byte == b'%' {
            let Some(escaped) = form::escaped(tail) else { return true };
            escaped
        } else {
            (*byte, tail)
        };
        rest = tail;
        match byte {
            b'/' | b'\\' if is_dots(length, dots) => return true,
            b'/' | b'\\' => (length, dots) = (0, 0),
            _ if byte.is_ascii_control() => return true,
            _ => {
                length = length.saturating_add(1);
                dots = dots.saturating_add(usize::from(byte == b'.'));
            }
        }
    }
    is_dots(length, dots)
}

const fn is_dots(length: usize, dots: usize) -> bool {
    length == dots && matches!(length, 1 | 2)
}

#[cfg(test)]
mod tests;
