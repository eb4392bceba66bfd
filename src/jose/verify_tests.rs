//! Whose signature counts, and whose does not.

use serde_json::json;

use super::*;
use crate::jose::testing;

#[test]
fn every_algorithm_verifies_and_no_other_bytes_do() {
    let keys = testing::all_keys();
    for alg in Algorithm::ALL {
        let token = testing::token(alg, json!({}), &json!({"sub": "alice"}));
        let jws = Jws::split(&token).unwrap();
        assert_eq!(verify(&jws, &[alg], &keys, &PureRust), Ok(()), "{alg}");
    }
}
