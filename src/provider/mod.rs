//! (provider)
