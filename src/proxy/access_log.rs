//! Fields for the host's own access log: properties that the filter sets (`proxy_set_property`).
//!
//! Envoy keeps them as filter state of the request, `wasm.` before their names. Where a host has no
//! such thing it says so, and nothing else changes.

use super::abi::{self, HostError};

unsafe extern "C" {
    fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
}

/// Sets a property of the current stream.
#[cold]
pub(super) fn set(name: &str, value: &str) -> Result<(), HostError> {
    // SAFETY: see `abi`: live slices, which the host reads before the call returns.
    abi::check(unsafe {
        proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}
