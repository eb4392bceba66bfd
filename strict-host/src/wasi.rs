//! The part of WASI preview 1 that the filter imports.

use wasmi::{Caller, Error, Linker};

use crate::guest::{read, write};
use crate::state::State;

const MODULE: &str = "wasi_snapshot_preview1";
/// `errno.io`.
const IO: i32 = 29;

type Wasi = Result<i32, Error>;

/// Defines it all.
pub(crate) fn define(linker: &mut Linker<State>) {
    linker.func_wrap(MODULE, "random_get", random_get).unwrap();
    linker.func_wrap(MODULE, "environ_get", |_: Caller<'_, State>, _: i32, _: i32| 0).unwrap();
    linker.func_wrap(MODULE, "environ_sizes_get", environ_sizes_get).unwrap();
    linker.func_wrap(MODULE, "fd_write", fd_write).unwrap();
    linker.func_wrap(MODULE, "proc_exit", proc_exit).unwrap();
}

fn random_get(mut caller: Caller<'_, State>, start: i32, size: i32) -> Wasi {
    if caller.data_mut().faults.next("random_get").is_some() {
        return Ok(IO);
    }
    let bytes: Vec<u8> = (0..size).map(|_| caller.data_mut().random_byte()).collect();
    write(&mut caller, start, &bytes)?;
    Ok(0)
}

fn environ_sizes_get(mut caller: Caller<'_, State>, count: i32, size: i32) -> Wasi {
    write(&mut caller, count, &[0; 4])?;
    write(&mut caller, size, &[0; 4])?;
    Ok(0)
}

fn fd_write(caller: Caller<'_, State>, fd: i32, start: i32, count: i32, _: i32) -> Wasi {
    let mut text = Vec::new();
    for vector in 0..count {
        let vector = read(&caller, start + 8 * vector, 8)?;
        let number = |at: usize| i32::from_le_bytes(*vector[at..].first_chunk().unwrap());
        text.extend(read(&caller, number(0), number(4))?);
    }
    Err(Error::new(format!("it writes to {fd}: {}", String::from_utf8_lossy(&text))))
}

fn proc_exit(_: Caller<'_, State>, code: i32) -> Result<(), Error> {
    Err(Error::new(format!("it exits with {code}")))
}
