//! A host of proxy-wasm 0.2.1 that runs the real .wasm and forgives nothing.
//!
//! Time, randomness, shared data, queues and calls are a script's; any host call can be made to
//! fail at its n-th use, or to give back memory that it was not given. What no filter may do
//! (answer a stream twice, touch headers that are gone, call for the wrong context, hand over
//! bytes that are not its own, trap) stops the test with a sentence.

mod abi;
mod fault;
mod guest;
mod head;
mod metrics;
mod process;
mod signature;
mod state;
mod vm;
mod wasi;

pub use fault::{Fault, Misdeed};
pub use head::{Head, Removal};
pub use process::Process;
pub use state::{Call, Failure, Map, Outcome, Response, State, Traits};
pub use vm::{Action, Vm, exports, imports};
