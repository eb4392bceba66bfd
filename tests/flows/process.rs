//! Several workers of one process, with one memory.

use std::cell::RefCell;
use std::rc::Rc;

use oidc_gate::gate::StreamId;
use serde_json::{Value, json};

use super::browser::Browser;
use super::host::Memory;
use super::scene::{Scene, Upstream};

/// Workers of one process. The provider is with the one that acts.
pub(crate) struct Process {
    pub(crate) workers: Vec<Scene>,
    pub(crate) memory: Rc<RefCell<Memory>>,
    acting: usize,
}

impl Process {
    pub(crate) fn new() -> Self {
        Self::with(&[json!({}), json!({})])
    }

    pub(crate) fn with(configurations: &[Value]) -> Self {
        let memory = Rc::new(RefCell::new(Memory::default()));
        let worker = |(number, changes): (usize, &Value)| {
            let mut scene = Scene::with(changes.clone());
            let queue = u32::try_from(number).unwrap() + 10;
            scene.host.process = Some((Rc::clone(&memory), queue));
            // Each draws other numbers.
            for _ in 0..number * 7 {
                let _ = oidc_gate::crypto::entropy::random_bytes::<5>(&mut scene.host);
            }
            scene
        };
        let workers = configurations.iter().enumerate().map(worker).collect();
        Self { workers, memory, acting: 0 }
    }

    pub(crate) fn at(&mut self, worker: usize) -> &mut Scene {
        if worker != self.acting {
            let [one, other] = self.workers.get_disjoint_mut([self.acting, worker]).unwrap();
            std::mem::swap(&mut one.provider, &mut other.provider);
            self.acting = worker;
        }
        &mut self.workers[worker]
    }

    /// All calls are answered, all workers woken.
    pub(crate) fn settle(&mut self) {
        for _ in 0..4 {
            for worker in 0..self.workers.len() {
                self.at(worker).settle();
            }
            self.wake();
        }
    }

    pub(crate) fn wake(&mut self) {
        let wakes = std::mem::take(&mut self.memory.borrow_mut().wakes);
        for (queue, message) in wakes {
            self.at(usize::try_from(queue).unwrap() - 10).woken(&message);
        }
    }

    pub(crate) fn jump(&mut self, seconds: i64) {
        self.workers.iter_mut().for_each(|worker| worker.jump(seconds));
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.workers.iter_mut().for_each(|worker| worker.pass(1));
        }
    }

    pub(crate) fn token_calls(&self) -> usize {
        self.workers.iter().map(Scene::token_calls).sum()
    }

    pub(crate) fn thefts(&self) -> usize {
        self.workers.iter().map(|worker| worker.provider.thefts).sum()
    }

    /// A browser whose access token ran out.
    pub(crate) fn over(&mut self) -> Browser {
        let browser = self.at(0).log_in();
        self.jump(310);
        browser
    }

    pub(crate) fn upstream(&self, worker: usize, stream: StreamId) -> Upstream {
        self.workers[worker].outcome(stream).unwrap().upstream()
    }
}
