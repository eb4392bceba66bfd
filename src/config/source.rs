//! The bytes that the host hands over, as JSON; and what else they may be.

use super::problem::Problem;
use crate::wire::Json;

/// The largest configuration that is read.
const LARGEST: usize = 256 * 1024;

const HOW: &str = "Envoy: `configuration` of type google.protobuf.StringValue, with JSON in `value`; \
                   Istio: `pluginConfig`";

/// Reads a whole configuration.
pub(super) fn parse(bytes: &[u8]) -> Result<Json, Problem> {
    let refused = |what: String, hint: &str| Problem {
        path: String::new(),
        what,
        hint: Some(hint.to_owned()),
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(refused("the configuration is empty".to_owned(), HOW));
    }
    match Json::parse(bytes, LARGEST) {
        Ok(json @ Json::Object(_)) => Ok(json),
        Ok(json) => {
            let what = format!("the configuration must be an object, found {}", json.kind());
            Err(refused(what, HOW))
        }
        Err(_) if is_protobuf_struct(bytes) => {
            let what = "the configuration is a google.protobuf.Struct in binary, not JSON";
            Err(refused(what.to_owned(), "use google.protobuf.StringValue with JSON in `value`"))
        }
        Err(_) if is_binary(bytes) => {
            let what = "the configuration is binary, not JSON";
            Err(refused(what.to_owned(), "use google.protobuf.StringValue with JSON in `value`"))
        }
        Err(error) => {
            let begins = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
            let hint = match begins {
                Some(b'{') => "the whole is one JSON object, and no name stands twice in an object",
                _ => "it is JSON, not YAML: it begins with {",
            };
            Err(refused(format!("the configuration is not JSON: {error}"), hint))
        }
    }
}

/// Whether the bytes begin as a `google.protobuf.Struct`: field 1 (a map's entry), its
/// length, and in it field 1 (the entry's key).
fn is_protobuf_struct(bytes: &[u8]) -> bool {
    const FIELD_1: u8 = 0x0a;
    let Some((&FIELD_1, rest)) = bytes.split_first() else { return false };
    let length = rest.iter().take(5).take_while(|byte| **byte >= 0x80).count();
    // A line end is the same byte; behind it no length of an entry is white space.
    rest.get(length.saturating_add(1)) == Some(&FIELD_1)
        && rest.get(length.saturating_add(3)).is_some_and(u8::is_ascii_lowercase)
}

fn is_binary(bytes: &[u8]) -> bool {
    let foreign = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    bytes.iter().any(foreign) || std::str::from_utf8(bytes).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: &[u8]) -> String {
        parse(bytes).unwrap_err().to_string()
    }

    #[test]
    fn nothing_at_all_says_where_the_configuration_belongs() {
        let expected = "the configuration is empty; hint: Envoy: `configuration` of type \
                        google.protobuf.StringValue, with JSON in `value`; Istio: `pluginConfig`";
        assert_eq!(message(b""), expected);
        assert_eq!(message(b" \n"), expected);
    }

    #[test]
    fn a_struct_in_binary_is_told_from_broken_json() {
        // {"login": false}
        let entry = [&[0x0a, 5][..], b"login", &[0x12, 2, 0x20, 0]].concat();
        let whole = [&[0x0a, u8::try_from(entry.len()).unwrap()][..], &entry].concat();
        let expected = "the configuration is a google.protobuf.Struct in binary, not JSON; \
                        hint: use google.protobuf.StringValue with JSON in `value`";
        assert_eq!(message(&whole), expected);
        // {"provider": ..} of more than 127 bytes: a length of two bytes
        let whole = [&[0x0a, 0x90, 0x02, 0x0a, 8][..], b"provider", &[0x12; 264]].concat();
        assert_eq!(message(&whole), expected);
        assert_eq!(
            message(b"\x08\x01"),
            "the configuration is binary, not JSON; \
             hint: use google.protobuf.StringValue with JSON in `value`"
        );
    }

    #[test]
    fn yaml_and_broken_json_are_named() {
        assert_eq!(
            message(b"\n\nprovider:\n  issuer: x"),
            "the configuration is not JSON: expected value at line 3 column 1; \
             hint: it is JSON, not YAML: it begins with {"
        );
        assert_eq!(
            message(b"{\"login\": true, \"login\": false}"),
            "the configuration is not JSON: a member stands twice in one object at line 1 \
             column 31; hint: the whole is one JSON object, and no name stands twice in an object"
        );
        assert!(message(b"[]").starts_with("the configuration must be an object, found an array"));
        assert!(message(&vec![b'{'; LARGEST + 1]).contains("262145 bytes long; at most 262144"));
    }
}
