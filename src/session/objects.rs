//! What a session's tokens say, compressed: the JSON objects of all of them as one text.
//!
//! Tokens of one login repeat each other: issuer, subject, session, names, groups. And all
//! tokens of a provider repeat its habits, so a text of what is usual stands in front.
//!
//! Only objects come here: headers and claims of signed tokens, which are worth nothing
//! without the signature. Signatures and other tokens are not compressed. It would save
//! nothing, for they are noise; and so no length ever tells what they are.

use std::borrow::Cow;

use zeroize::Zeroizing;

use crate::wire::deflate;

/// What the claims of usual providers look like; the nearer to its end, the shorter it gets:
/// Keycloak's last, in the order in which Keycloak writes them. Its spaces in the header
/// are Keycloak's, too.
///
/// It is part of the layout: a change to it needs another version of the record.
const DICTIONARY: &str = concat!(
    r#""amr":["pwd","mfa"],"roles":["permissions":["cid":"","uid":"","scp":["ver":"1.0","nbf":"#,
    r#""appid":"","aio":"","oid":"","rh":"","tid":"","upn":"","unique_name":"","uti":"","#,
    r#""ver":"2.0"}"token_use":"access","cognito:groups":["username":"","hd":"","nickname":"","#,
    r#""picture":"https://lh3.googleusercontent.com/a/","updated_at":,"locale":"en","#,
    r#""https://sts.windows.net/https://login.microsoftonline.com/.auth0.com/"#,
    r#".okta.com/oauth2/default","https://cognito-idp..amazonaws.com/"#,
    r#"{"typ":"at+jwt","alg":"ES256","kid":"","x5t":"{"alg":"HS512","typ" : "JWT","kid" : ""#,
    r#"{"exp":17,"iat":17,"jti":"","iss":"https://","aud":"https://","sub":"","#,
    r#""typ":"Refresh","azp":"","sid":"","reuse_id":"","#,
    r#""scope":"openid web-origins acr roles basic offline_access profile email"}"#,
    r#"{"exp":17,"iat":17,"auth_time":17,"jti":"onrtac:","iss":"https://auth./realms/","#,
    r#""aud":["account"],"sub":"","typ":"Bearer","azp":"","sid":"","acr":"1","#,
    r#""allowed-origins":["https://app."],"realm_access":{"roles":["default-roles-","#,
    r#""offline_access","uma_authorization"]},"resource_access":{"account":{"roles":["#,
    r#""manage-account","manage-account-links","view-profile"]}},"#,
    r#""scope":"openid email profile","groups":["/admin","typ":"ID","azp":"","nonce":"","#,
    r#""sid":"","at_hash":"","acr":"1","email_verified":true,"name":" ","#,
    r#""preferred_username":"","given_name":"","family_name":"","email":"@.com"}"#,
    r#"{"alg":"RS256","typ" : "JWT","kid" : ""#,
);

/// The objects compressed, or as they are where that makes them no smaller, or where they
/// would not come back: a token changed by one byte is worthless, and to look costs little.
pub(super) fn pack(objects: &[u8]) -> Cow<'_, [u8]> {
    let comes_back = |packed: &Vec<u8>| {
        unpack(packed, objects.len()).is_some_and(|unpacked| *unpacked == objects)
    };
    let packed = deflate::compress(DICTIONARY.as_bytes(), objects).filter(comes_back);
    packed.map_or(Cow::Borrowed(objects), Cow::Owned)
}

/// The objects again, `length` bytes; `None` where they do not become that.
pub(super) fn unpack(packed: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
    if packed.len() == length {
        return Some(Zeroizing::new(packed.to_vec()));
    }
    deflate::inflate(DICTIONARY.as_bytes(), packed, length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::digest::sha256;
    use crate::wire::base64url;

    /// If this fails, the sessions in people's browsers would end: see [`DICTIONARY`].
    #[test]
    fn the_preset_text_stays_as_it_is() {
        let digest = base64url::encode(&sha256(DICTIONARY.as_bytes()));
        assert_eq!(
            (DICTIONARY.len(), &*digest),
            (1361, "wA94Q1iz-1bvahhD3JWENx3eHtGDOGME6DEbE9_c6BI")
        );
    }

    #[test]
    fn objects_come_back_and_what_does_not_get_smaller_stays() {
        let objects =
            br#"{"alg":"RS256"}{"iss":"https://id.example","aud":["account"],"typ":"ID"}"#;
        let packed = pack(objects);
        assert!(packed.len() < 40, "{}", packed.len());
        assert_eq!(**unpack(&packed, objects.len()).unwrap(), objects[..]);
        assert!(unpack(&packed, objects.len() - 1).is_none());
        for objects in [b"".as_slice(), b"{", b"\x00\xff\x81\x07"] {
            assert_eq!(&*pack(objects), objects);
            assert_eq!(**unpack(objects, objects.len()).unwrap(), *objects);
        }
    }
}
