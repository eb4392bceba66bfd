//! Secrets, randomness, digests and the seal on cookies.
//!
//! Primitives come from RustCrypto; here stands only how this project uses them.

pub mod digest;
pub mod entropy;
pub mod seal;
pub mod secret;

pub use entropy::{Entropy, NoEntropy};
pub use seal::{Opened, Purpose, SealingKeys};
pub use secret::Secret;
