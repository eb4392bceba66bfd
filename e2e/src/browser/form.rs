//! The first form of a page, read as simply as the pages of providers allow, and `application/x-www-form-urlencoded`.

/// A form.
#[derive(Clone, Debug)]
pub struct Form {
    /// Where it is sent; empty for the page's own address.
    pub action: String,
    /// Whether by POST.
    pub post: bool,
    /// Names and values of its fields, as the page has them.
    pub fields: Vec<(String, String)>,
    /// The names of its buttons: the one that is pressed is sent.
    pub buttons: Vec<String>,
}

impl Form {
    /// The first form of this page.
    pub fn of(html: &str) -> Option<Self> {
        let from = html.find("<form")?;
        let whole =
            &html[from..html[from..].find("</form").map_or(html.len(), |length| from + length)];
        let tag = &whole[..whole.find('>')?];
        let fields = whole.match_indices("<input").filter_map(|(start, _)| {
            let tag = &whole[start..start + whole[start..].find('>')?];
            Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))
        });
        let buttons = whole.match_indices("<button").filter_map(|(start, _)| {
            attribute(&whole[start..start + whole[start..].find('>')?], "name")
        });
        Some(Self {
            buttons: buttons.collect(),
            action: attribute(tag, "action").unwrap_or_default(),
            post: attribute(tag, "method")
                .is_some_and(|method| method.eq_ignore_ascii_case("post")),
            fields: fields.collect(),
        })
    }

    /// Whether there is a field of this name.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name)
    }

    /// The body of the request, with these fields filled in, and the buttons among them pressed; panics where the form
    /// lacks one of them.
    pub fn filled(&self, values: &[(&str, &str)]) -> String {
        let is_button = |name: &str| self.buttons.iter().any(|button| button == name);
        for (name, _) in values {
            assert!(self.has(name) || is_button(name), "the form has no field `{name}`: {self:?}");
        }
        let pairs = self.fields.iter().map(|(name, value)| {
            let filled = values
                .iter()
                .find(|(field, _)| field == name)
                .map_or(value.as_str(), |(_, value)| value);
            format!("{}={}", encode(name), encode(filled))
        });
        let pressed = values.iter().filter(|(name, _)| is_button(name));
        let pressed = pressed.map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        pairs.chain(pressed).collect::<Vec<_>>().join("&")
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = &tag[start..start + tag[start..].find('"')?];
    Some(
        value
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#x27;", "'")
            .replace("&#39;", "'")
            .replace("&#13;", "\r")
            .replace("&#10;", "\n")
            .replace("&amp;", "&"),
    )
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                char::from(byte).to_string()
            }
            b' ' => "+".into(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                let byte = std::str::from_utf8(&digits)
                    .ok()
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok());
                bytes.push(byte.unwrap_or_else(|| panic!("not percent-encoded: {text}")));
                rest = after;
            }
            _ => bytes.push(first),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| panic!("not UTF-8: {text}"))
}
