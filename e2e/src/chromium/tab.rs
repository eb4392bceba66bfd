//! One tab: what a person does in it, and what is to be seen there.

use std::sync::Arc;

use serde_json::{Value, json};

use super::pipe::Pipe;
use crate::wait;

/// A tab of a [`Chromium`](super::Chromium).
pub struct Tab {
    pipe: Arc<Pipe>,
    session: String,
}

impl Tab {
    pub(super) fn open_in(pipe: &Arc<Pipe>) -> Self {
        let call = |method: &str, params: Value| {
            pipe.try_call(None, method, params).unwrap_or_else(|problem| panic!("{problem}"))
        };
        let target = call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = call("Target.attachToTarget", attach);
        let session = attached["sessionId"].as_str().expect("a session has an id").into();
        Self { pipe: Arc::clone(pipe), session }
    }

    /// Writes `url` into the address bar, and waits until a page is there, be it after redirects.
    pub fn open(&self, url: &str) {
        let begun = self.call("Page.navigate", json!({"url": url}));
        assert!(begun["errorText"].is_null(), "{url}: {begun}");
        self.wait_for("the page to be loaded", "document.readyState === 'complete'");
    }

    /// Waits until the address bar shows `url` and the page is loaded.
    pub fn arrives_at(&self, url: &str) {
        let url = Value::from(url);
        let script = format!("location.href === {url} && document.readyState === 'complete'");
        self.wait_for(&format!("{url} to be shown"), &script);
    }

    /// The address bar.
    pub fn url(&self) -> String {
        self.run("location.href").as_str().expect("pages have an address").into()
    }

    /// The text of the page, as it can be seen.
    pub fn text(&self) -> String {
        self.run("document.body.innerText").as_str().unwrap_or_default().into()
    }

    /// Clicks into the field that this CSS selector names, and types.
    pub fn type_into(&self, selector: &str, text: &str) {
        self.run(&format!("document.querySelector({}).focus()", Value::from(selector)));
        self.call("Input.insertText", json!({"text": text}));
    }

    /// Clicks what this CSS selector names. Whatever it leads to may not be there yet.
    pub fn click(&self, selector: &str) {
        self.run(&format!("document.querySelector({}).click()", Value::from(selector)));
    }

    /// Runs a script in the page; a promise is waited for. What it throws fails the test.
    pub fn run(&self, script: &str) -> Value {
        self.try_run(script).unwrap_or_else(|problem| panic!("{problem}\nin: {script}"))
    }

    /// Waits until `script` gives something that is true.
    pub fn wait_for(&self, what: &str, script: &str) {
        wait::until(what, || {
            // Between two pages there is none to run it in.
            let value = self.try_run(script).unwrap_or_default();
            (value == true).then_some(())
        });
    }

    /// Clears all cookies, of every site.
    pub fn forget_cookies(&self) {
        self.call("Network.clearBrowserCookies", json!({}));
    }

    /// Loads the page again; a form that it came from is sent again, as a person allows when asked.
    pub fn reload(&self) {
        self.call("Page.reload", json!({}));
    }

    /// All cookies that would be sent to the page's address, as Chromium describes them.
    pub fn cookies(&self) -> Vec<Value> {
        let found = self.call("Network.getCookies", json!({}));
        found["cookies"].as_array().cloned().expect("cookies are a list")
    }

    fn try_run(&self, script: &str) -> Result<Value, String> {
        let params = json!({"expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let mut answer = self.pipe.try_call(Some(&self.session), "Runtime.evaluate", params)?;
        match &answer["exceptionDetails"] {
            Value::Null => Ok(answer["result"]["value"].take()),
            thrown => Err(format!("{} {}", thrown["text"], thrown["exception"]["description"])),
        }
    }

    fn call(&self, method: &str, params: Value) -> Value {
        self.pipe
            .try_call(Some(&self.session), method, params)
            .unwrap_or_else(|problem| panic!("{problem}"))
    }
}
