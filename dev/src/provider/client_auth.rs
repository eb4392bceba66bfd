//! How the client shows at the token endpoint who it is (RFC 6749 section 2.3.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::options::ProviderOptions;
use super::record::TokenRequest;

/// The client that the request comes from: the one of the options, or one that has `registered` itself.
///
/// Errors: status, `error` and `error_description`, as Keycloak answers.
pub(super) fn check(
    options: &ProviderOptions,
    request: &TokenRequest,
    registered: impl Fn(&str) -> bool,
) -> Result<String, (u16, &'static str, &'static str)> {
    const WRONG: (u16, &str, &str) =
        (401, "unauthorized_client", "Invalid client or Invalid client credentials");
    let posted = request.field("client_secret");
    let (id, secret) = match (&request.authorization, posted) {
        (Some(_), Some(_)) => {
            return Err((400, "invalid_request", "More than one client authentication"));
        }
        (Some(header), None) => basic(header).ok_or(WRONG)?,
        (None, Some(secret)) => {
            (request.field("client_id").unwrap_or_default().to_owned(), secret.to_owned())
        }
        (None, None) => {
            let id = request.field("client_id").unwrap_or_default();
            let known = (options.public_client && id == options.client_id) || registered(id);
            return if known { Ok(id.to_owned()) } else { Err(WRONG) };
        }
    };
    // A public client that sends a secret is set up wrongly: say so, although Keycloak does not mind.
    if options.public_client || id != options.client_id || secret != options.client_secret {
        return Err(WRONG);
    }
    Ok(id)
}

/// Id and secret of `Basic`: base64 of the two, each form-encoded, with a colon between.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decoded(id)?, decoded(secret)?))
}

/// Form-decoding of one component: a `&` or `=` that was not encoded is a mistake of the sender.
fn decoded(component: &str) -> Option<String> {
    if component.contains(['&', '=']) {
        return None;
    }
    let mut pairs = form_urlencoded::parse(component.as_bytes());
    Some(pairs.next().map_or_else(String::new, |(name, _)| name.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> bool {
        false
    }

    fn with(authorization: &str) -> TokenRequest {
        let authorization = Some(format!("Basic {}", STANDARD.encode(authorization)));
        TokenRequest { form: Vec::new(), authorization, content_type: None }
    }

    #[test]
    fn a_secret_is_form_encoded_before_base64() {
        let options =
            ProviderOptions { client_secret: "50% & a+b:ä".into(), ..ProviderOptions::default() };
        assert!(check(&options, &with("APP-frontend:50%25+%26+a%2Bb%3A%C3%A4"), none).is_ok());
        assert!(check(&options, &with("APP-frontend:50% & a+b:ä"), none).is_err());
    }

    #[test]
    fn a_public_client_has_no_secret() {
        let options = ProviderOptions { public_client: true, ..ProviderOptions::default() };
        let form = vec![("client_id".to_owned(), "APP-frontend".to_owned())];
        let request = TokenRequest { form, authorization: None, content_type: None };
        assert!(check(&options, &request, none).is_ok());
        assert!(check(&ProviderOptions::default(), &request, none).is_err());
        let registered = |id: &str| id == "APP-frontend";
        assert!(check(&ProviderOptions::default(), &request, registered).is_ok());
    }
}
