//! The least that a filter for this job could do, written as most are, with the Proxy-Wasm SDK: read the cookie, set
//! `authorization`. It looks at neither of them. `make bench` says how far the gate is from it.

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Plugin::default()));
}}

/// The plugin: its configuration is the value of the header.
#[derive(Default)]
struct Plugin {
    authorization: String,
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, _: usize) -> bool {
        let bytes = self.get_plugin_configuration().unwrap_or_default();
        self.authorization = String::from_utf8_lossy(&bytes).into_owned();
        true
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream { authorization: self.authorization.clone() }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request.
struct Stream {
    authorization: String,
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let _cookie = self.get_http_request_header("cookie");
        self.set_http_request_header("authorization", Some(&self.authorization));
        Action::Continue
    }
}
