//! Tests of `jwk`.
