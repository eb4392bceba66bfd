//! Memory that the host fills for us, and what is believed about it.
//!
//! The host asks [`allocate`] for memory during a call of ours, writes into it, and gives back
//! where and how much. Neither is believed: only what was handed out is read, and no more of it
//! than that. Anything else is an error of the call.
//!
//! One piece, large enough for nearly every head, is used again and again: asking for memory and
//! giving it back costs a request more than what most of the gate does about it.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr;

use super::abi::HostError;

/// How many pieces a host may ask for in one call; the known ones ask for one.
const BLOCKS: usize = 2;

/// Bytes of the piece that is kept.
const KEPT: usize = 16 * 1024;

/// A piece of memory of ours; null for none.
#[derive(Clone, Copy)]
struct Block {
    start: *mut u8,
    /// What the host asked for. There are at least [`KEPT`] bytes.
    size: usize,
}

const NONE: Block = Block { start: ptr::null_mut(), size: 0 };

thread_local! {
    /// What was handed out, and is the host's until its call returns.
    static HANDED_OUT: Cell<[Block; BLOCKS]> = const { Cell::new([NONE; BLOCKS]) };
    /// Where the piece that is kept begins, while nobody has it; else null.
    static SPARE: Cell<*mut u8> = const { Cell::new(ptr::null_mut()) };
}

/// Memory for `size` bytes, or null: the host takes that for a failed call.
pub(super) fn allocate(size: usize) -> *mut u8 {
    let mut blocks = HANDED_OUT.get();
    let Some(free) = blocks.iter_mut().find(|block| block.start.is_null()) else {
        return ptr::null_mut();
    };
    let spare = if size <= KEPT { SPARE.replace(ptr::null_mut()) } else { ptr::null_mut() };
    let start = if spare.is_null() { obtain(size) } else { spare };
    *free = Block { start, size };
    HANDED_OUT.set(blocks);
    start
}

/// A new piece.
#[cold]
fn obtain(size: usize) -> *mut u8 {
    // SAFETY: the layout's size is not zero.
    layout(size).map_or(ptr::null_mut(), |layout| unsafe { std::alloc::alloc(layout) })
}

/// Keeps a piece of which `size` bytes were asked for, or frees it.
fn give_back(start: *mut u8, size: usize) {
    if size <= KEPT && SPARE.get().is_null() {
        SPARE.set(start);
    } else {
        free(start, size);
    }
}

#[cold]
fn free(start: *mut u8, size: usize) {
    if let Some(layout) = layout(size) {
        // SAFETY: made by `obtain` with this very layout, and nobody has it any more.
        unsafe { std::alloc::dealloc(start, layout) };
    }
}

/// What a piece takes of which `size` bytes are asked for.
fn layout(size: usize) -> Option<Layout> {
    Layout::array::<u8>(size.max(KEPT)).ok()
}

/// Bytes that the host wrote into memory of ours; given back when dropped.
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
        if !self.block.start.is_null() {
            give_back(self.block.start, self.block.size);
        }
    }
}
