//! The pipe: JSON messages, each ended by a zero byte; answers bear the number of their command.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::{Value, json};

use crate::wait;

/// Whoever waits for an answer; `None` once there will be no more.
type Waiting = Mutex<Option<HashMap<u64, Sender<Value>>>>;

pub(super) struct Pipe {
    commands: Mutex<(u64, Box<dyn Write + Send>)>,
    waiting: Arc<Waiting>,
}

impl Pipe {
    pub(super) fn new(
        commands: impl Write + Send + 'static,
        answers: impl Read + Send + 'static,
    ) -> Self {
        let waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let waiters = Arc::clone(&waiting);
        thread::spawn(move || {
            for message in BufReader::new(answers).split(0).map_while(Result::ok) {
                deliver(&waiters, &message);
            }
            // Chromium has ended: nobody waits for it any longer.
            lock(&waiters).take();
        });
        Self { commands: Mutex::new((0, Box::new(commands))), waiting }
    }

    /// Gives `method` to `session` (the browser itself where `None`) and waits for the result.
    ///
    /// # Errors
    /// Chromium's own words, or that there is no answer.
    pub(super) fn try_call(
        &self,
        session: Option<&str>,
        method: &str,
        params: Value,
    ) -> Result<Value, String> {
        let gone = || format!("{method}: Chromium has ended");
        let (sender, answer) = channel();
        {
            let mut commands = lock(&self.commands);
            commands.0 += 1;
            let mut message = json!({"id": commands.0, "method": method, "params": params});
            if let Some(session) = session {
                message["sessionId"] = session.into();
            }
            lock(&self.waiting).as_mut().ok_or_else(gone)?.insert(commands.0, sender);
            let text = format!("{message}\0");
            commands
                .1
                .write_all(text.as_bytes())
                .and_then(|()| commands.1.flush())
                .map_err(|_| gone())?;
        }
        let mut answer = answer.recv_timeout(wait::LIMIT).map_err(|problem| match problem {
            RecvTimeoutError::Timeout => format!("{method}: no answer"),
            RecvTimeoutError::Disconnected => gone(),
        })?;
        match &answer["error"]["message"] {
            Value::String(problem) => Err(format!("{method}: {problem}")),
            _ => Ok(answer["result"].take()),
        }
    }
}

fn deliver(waiting: &Waiting, message: &[u8]) {
    let message: Value = serde_json::from_slice(message).expect("Chromium speaks JSON");
    // Without a number it is an event; tests look at the page instead.
    let waiter = message["id"].as_u64().and_then(|id| lock(waiting).as_mut()?.remove(&id));
    if let Some(waiter) = waiter {
        let _ = waiter.send(message);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
