//! (jose)
