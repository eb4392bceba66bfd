//! Memory that the host fills for us, and what is believed about it.
//!
//! The host asks [`allocate`] for memory during a call of ours, writes into it, and gives back
//! where and how much. Neither is believed: only what was handed out is read, and no more of it
//! than that. Anything else is an error of the call.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr;

use super::abi::HostError;

/// How many pieces a host may ask for in one call; the known ones ask for one.
const BLOCKS: usize = 2;

/// A piece of memory of ours; null for none.
#[derive(Clone, Copy)]
struct Block {
    start: *mut u8,
    size: usize,
}

const NONE: Block = Block { start: ptr::null_mut(), size: 0 };

thread_local! {
    /// What was handed out, and is the host's until its call returns.
    static HANDED_OUT: Cell<[Block; BLOCKS]> = const { Cell::new([NONE; BLOCKS]) };
}

/// Memory for `size` bytes, or null: the host takes that for a failed call.
pub(super) fn allocate(size: usize) -> *mut u8 {
    let mut blocks = HANDED_OUT.get();
    let Some(free) = blocks.iter_mut().find(|block| block.start.is_null()) else {
        return ptr::null_mut();
    };
    let start = match Layout::array::<u8>(size) {
        // SAFETY: the layout's size is not zero.
        Ok(layout) if size > 0 => unsafe { std::alloc::alloc(layout) },
        _ => ptr::null_mut(),
    };
    *free = Block { start, size };
    HANDED_OUT.set(blocks);
    start
}

/// Bytes that the host wrote into memory of ours; freed when dropped.
pub(super) struct HostBytes {
    block: Block,
    /// How much of it was written: not more than there is.
    written: usize,
}

impl HostBytes {
    /// The bytes.
    pub(super) fn as_slice(&self) -> &[u8] {
        if self.block.start.is_null() {
            return &[];
        }
        // SAFETY: made by `allocate` with at least this size, and owned by `self`.
        unsafe { std::slice::from_raw_parts(self.block.start, self.written) }
    }

    /// Runs a call that gives bytes back.
    pub(super) fn from_call(
        call: impl FnOnce(*mut *mut u8, *mut usize) -> u32,
    ) -> Result<Self, HostError> {
        let (mut start, mut written) = (ptr::null_mut(), 0);
        let status = call(&raw mut start, &raw mut written);
        Self::given(start, written, status)
    }

    /// What the host says that it gave. Not in `from_call`, which is compiled for each call.
    fn given(start: *mut u8, written: usize, status: u32) -> Result<Self, HostError> {
        let mut bytes = Self { block: NONE, written: 0 };
        for block in HANDED_OUT.replace([NONE; BLOCKS]) {
            // What the host asked for and does not give back is freed by this.
            let owned = Self { block, written: 0 };
            if !block.start.is_null() && block.start == start {
                bytes = owned;
            }
        }
        super::abi::check(status)?;
        if written > bytes.block.size {
            return Err(HostError::NOT_OURS);
        }
        bytes.written = written;
        Ok(bytes)
    }
}

impl Drop for HostBytes {
    fn drop(&mut self) {
        if self.block.start.is_null() {
            return;
        }
        if let Ok(layout) = Layout::array::<u8>(self.block.size) {
            // SAFETY: made by `allocate` with this very layout, owned here, not used after this.
            unsafe { std::alloc::dealloc(self.block.start, layout) };
        }
    }
}
