//! What goes wrong, and when.

use std::collections::BTreeMap;

/// What the host does instead of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misdeed {
    /// Nothing, and it says so with this status.
    Status(u32),
    /// What it was asked for, and it says that it failed. Only for calls about contexts and
    /// streams.
    Untrue(u32),
    /// It gives back a place that was never handed out to it.
    StrangePlace,
    /// It says that it wrote more than it was given room for.
    TooMuch,
    /// The same by a single byte: what lies there may be another request's.
    OneTooMany,
    /// It gives back no place, and a size.
    NoPlace,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The host function, by the name that the filter imports.
    pub function: &'static str,
    /// Which of its calls, from 1, counted from when the fault was set; 0 for every one.
    pub at: usize,
    /// What happens then.
    pub misdeed: Misdeed,
}

/// Faults to come, and how often each function was called.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) set: Vec<Fault>,
    pub(crate) calls: BTreeMap<&'static str, usize>,
    pub(crate) happened: usize,
}

impl Faults {
    /// A function is called: what goes wrong with it this time?
    pub(crate) fn next(&mut self, function: &'static str) -> Option<Misdeed> {
        let calls = self.calls.entry(function).or_default();
        *calls += 1;
        let due = |fault: &&Fault| fault.function == function && [0, *calls].contains(&fault.at);
        let misdeed = self.set.iter().find(due).map(|fault| fault.misdeed);
        self.happened += usize::from(misdeed.is_some());
        misdeed
    }
}
