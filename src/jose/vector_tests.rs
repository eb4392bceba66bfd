//! Signatures that others made: published examples, and OpenSSL's.

use serde_json::{Value, json};

use super::testing::{all_keys, set};
use super::{Algorithm, Jws, JwsError, PureRust, verify};

/// RFC 7515 appendix A.2 and A.3; RFC 8037 appendix A.4.
fn published() -> [(Algorithm, Value, [&'static str; 3]); 3] {
    let claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    [
        (
            Algorithm::Rs256,
            json!({"kty": "RSA", "n": n, "e": "AQAB"}),
            [
                "eyJhbGciOiJSUzI1NiJ9",
                claims,
                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
            ],
        ),
        (
            Algorithm::Es256,
            json!({
                "kty": "EC", "crv": "P-256",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            }),
            [
                "eyJhbGciOiJFUzI1NiJ9",
                claims,
                "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            ],
        ),
        (
            Algorithm::EdDsa,
            json!({
                "kty": "OKP", "crv": "Ed25519",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            }),
            [
                "eyJhbGciOiJFZERTQSJ9",
                "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
            ],
        ),
    ]
}

#[test]
fn published_examples_verify_by_their_own_key_only() {
    for (algorithm, key, parts) in published() {
        let token = parts.join(".");
        let jws = Jws::split(&token).unwrap();
        let judge = |keys| verify(&jws, &[algorithm], &keys, &PureRust);
        assert_eq!(judge(set(&[key])), Ok(()), "{algorithm}");
        assert_eq!(judge(all_keys()), Err(JwsError::BadSignature), "{algorithm}");
    }
}

#[test]
fn openssl_and_we_agree() {
    let mut seen = Vec::new();
    for line in include_str!("testing/openssl.txt").lines().filter(|line| !line.starts_with('#')) {
        let (expected, token) = line.split_once(' ').unwrap();
        let jws = Jws::split(token).unwrap();
        let answer = verify(&jws, &Algorithm::ALL, &all_keys(), &PureRust);
        match expected {
            "valid" => assert_eq!(answer, Ok(()), "{line}"),
            "invalid" => assert_eq!(answer, Err(JwsError::BadSignature), "{line}"),
            _ => panic!("{line}"),
        }
        seen.push((expected, jws.unverified_alg().to_owned()));
    }
    for algorithm in Algorithm::ALL {
        assert!(seen.contains(&("valid", algorithm.to_string())), "{algorithm}");
    }
}
