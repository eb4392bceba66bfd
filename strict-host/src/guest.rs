//! The filter's memory.

use wasmi::{AsContextMut, Caller, Error, Extern, Memory};

use crate::fault::Misdeed;
use crate::state::State;

fn memory(caller: &Caller<'_, State>) -> Memory {
    caller.get_export("memory").and_then(Extern::into_memory).unwrap()
}

/// Bytes that the filter points at.
pub(crate) fn read(caller: &Caller<'_, State>, start: i32, size: i32) -> Result<Vec<u8>, Error> {
    let (start, size) = (start.cast_unsigned() as usize, size.cast_unsigned() as usize);
    let memory = memory(caller).data(caller);
    let bytes = start.checked_add(size).and_then(|end| memory.get(start..end));
    let bytes = bytes.filter(|_| start != 0 || size == 0);
    bytes.map(<[u8]>::to_vec).ok_or_else(|| Error::new("it points outside of its memory"))
}

/// Writes where the filter points.
pub(crate) fn write(caller: &mut Caller<'_, State>, start: i32, bytes: &[u8]) -> Result<(), Error> {
    let memory = memory(caller);
    memory
        .write(caller, start.cast_unsigned() as usize, bytes)
        .map_err(|_| Error::new("it points outside of its memory"))
}

/// Gives bytes back: in memory that the filter hands out, or as a misdeed has it.
pub(crate) fn give(
    caller: &mut Caller<'_, State>,
    bytes: &[u8],
    (place, size): (i32, i32),
    misdeed: Option<Misdeed>,
) -> Result<i32, Error> {
    let mut written = i32::try_from(bytes.len()).unwrap();
    let mut start = 0;
    if written > 0 && misdeed != Some(Misdeed::NoPlace) {
        let allocate = caller.get_export("proxy_on_memory_allocate").and_then(Extern::into_func);
        let allocate = allocate.unwrap().typed::<i32, i32>(&*caller).unwrap();
        start = allocate.call(caller.as_context_mut(), written)?;
        if start == 0 {
            return Ok(10);
        }
        write(caller, start, bytes)?;
    }
    match misdeed {
        Some(Misdeed::StrangePlace) => start += 8,
        Some(Misdeed::TooMuch) => written = 1 << 20,
        Some(Misdeed::OneTooMany) => written += 1,
        Some(Misdeed::NoPlace) => written = written.max(1),
        Some(Misdeed::Status(status)) => return Ok(status.cast_signed()),
        Some(Misdeed::Untrue(_)) | None => {}
    }
    write(caller, place, &start.to_le_bytes())?;
    write(caller, size, &written.to_le_bytes())?;
    Ok(0)
}
