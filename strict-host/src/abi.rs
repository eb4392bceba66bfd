//! Proxy-Wasm 0.2.1, as far as the filter imports it.

use wasmi::{Caller, Error, Linker};

use crate::fault::Misdeed;
use crate::guest::{give, read, write};
use crate::head::{Head, Pair};
use crate::signature;
use crate::state::{Call, Callback, Map, Outcome, Response, State};

type Host<'a> = Caller<'a, State>;
type Done = Result<i32, Error>;

const OK: i32 = 0;
const NOT_FOUND: i32 = 1;
const BAD_ARGUMENT: i32 = 2;
const EMPTY: i32 = 7;
const CAS_MISMATCH: i32 = 8;

/// Defines a function whose body may use `misdeed`, after it has failed where it was to fail. Its
/// arguments are of 32 bits, but for those that stand behind a semicolon.
macro_rules! host_function {
    ($linker:ident, $name:literal, |$caller:ident, $misdeed:ident $(, $argument:ident)* $(; $wide:ident)?| $body:expr) => {
        let function = |mut $caller: Host<'_>, $($argument: i32,)* $($wide: i64)?| -> Done {
            let $misdeed = $caller.data_mut().called($name).map_err(Error::new)?;
            if let Some(Misdeed::Status(status)) = $misdeed {
                return Ok(status.cast_signed());
            }
            $body
        };
        $linker.func_wrap("env", $name, function).unwrap();
    };
}

/// Defines it all.
#[rustfmt::skip]
pub(crate) fn define(linker: &mut Linker<State>) {
    host_function!(linker, "proxy_log", |caller, _m, level, text, size| log(caller, level, text, size));
    host_function!(linker, "proxy_get_log_level", |caller, _m, level| {
        write(&mut caller, level, &1_u32.to_le_bytes())?;
        Ok(OK)
    });
    host_function!(linker, "proxy_get_current_time_nanoseconds", |caller, _m, place| {
        let now = caller.data().now;
        write(&mut caller, place, &now.to_le_bytes())?;
        Ok(OK)
    });
    host_function!(linker, "proxy_set_tick_period_milliseconds", |caller, _m, period| {
        caller.data_mut().tick = Some(period);
        Ok(OK)
    });
    host_function!(linker, "proxy_get_buffer_bytes", |caller, misdeed, buffer, start, limit, place, size| {
        let bytes = match buffer {
            4 => caller.data().answer.1.clone(),
            7 => caller.data().configuration.clone(),
            _ => return Err(Error::new("a buffer that is not there")),
        };
        let (start, limit) = (start.cast_unsigned() as usize, limit.cast_unsigned() as usize);
        let end = bytes.len().min(start.saturating_add(limit));
        give(&mut caller, &bytes[start..end], (place, size), misdeed)
    });
    host_function!(linker, "proxy_get_header_map_pairs", |caller, misdeed, map, place, size| {
        let bytes = touch(&mut caller, map)?.write();
        give(&mut caller, &bytes, (place, size), misdeed)
    });
    host_function!(linker, "proxy_replace_header_map_value", |caller, _m, map, name, name_size, value, value_size| {
        let (name, value) = (name_at(&caller, name, name_size)?, value_at(&caller, value, value_size)?);
        let traits = caller.data().traits;
        let head = touch(&mut caller, map)?;
        if traits.sets {
            head.set(&name, &value, traits.removal);
        }
        Ok(OK)
    });
    host_function!(linker, "proxy_add_header_map_value", |caller, _m, map, name, name_size, value, value_size| {
        let (name, value) = (name_at(&caller, name, name_size)?, value_at(&caller, value, value_size)?);
        touch(&mut caller, map)?.add(&name, &value);
        Ok(OK)
    });
    host_function!(linker, "proxy_remove_header_map_value", |caller, _m, map, name, name_size| {
        let (name, removal) = (name_at(&caller, name, name_size)?, caller.data().traits.removal);
        touch(&mut caller, map)?.remove(&name, removal);
        Ok(OK)
    });
    host_function!(linker, "proxy_set_effective_context", |caller, misdeed, context| {
        let (context, state) = (context.cast_unsigned(), caller.data_mut());
        if !state.roots.contains(&context) && !state.streams.contains_key(&context) {
            return Ok(BAD_ARGUMENT);
        }
        state.effective = context;
        Ok(said(misdeed))
    });
    host_function!(linker, "proxy_continue_stream", |caller, misdeed, stream| {
        if stream != 0 {
            return Err(Error::new("it resumes something that is no request"));
        }
        caller.data_mut().end(Outcome::Forward).map_err(Error::new)?;
        Ok(said(misdeed))
    });
    host_function!(linker, "proxy_send_local_response", |caller, misdeed, status, _d, _ds, body, body_size, headers, headers_size, grpc| {
        respond(caller, (status, grpc), (body, body_size), (headers, headers_size), misdeed)
    });
    host_function!(linker, "proxy_http_call", |caller, _m, cluster, cluster_size, headers, headers_size, body, body_size, trailers, trailers_size, timeout, place| {
        let cluster = read(&caller, cluster, cluster_size)?;
        if cluster != b"keycloak" || timeout == 0 || read(&caller, trailers, trailers_size)? != [0; 4] {
            return Err(Error::new("a call that no host would send"));
        }
        dispatch(caller, (headers, headers_size), (body, body_size), place)
    });
    host_function!(linker, "proxy_get_property", |caller, misdeed, path, path_size, place, size| {
        let path = read(&caller, path, path_size)?;
        match caller.data().route.filter(|_| path == b"xds\0route_name") {
            Some(route) => give(&mut caller, route.as_bytes(), (place, size), misdeed),
            None => Ok(NOT_FOUND),
        }
    });
    host_function!(linker, "proxy_set_property", |caller, _m, path, path_size, value, value_size| {
        let (path, value) = (read(&caller, path, path_size)?, read(&caller, value, value_size)?);
        let state = caller.data_mut();
        let stream = state.effective;
        if !state.streams.contains_key(&stream) {
            return Err(Error::new("a property of something that is no request"));
        }
        let text = |bytes| String::from_utf8(bytes).map_err(|_| Error::new("a property that is no text"));
        state.properties.insert((stream, text(path)?), text(value)?);
        Ok(OK)
    });
    host_function!(linker, "proxy_get_shared_data", |caller, misdeed, key, key_size, place, size, version| {
        let key = read(&caller, key, key_size)?;
        let found = caller.data().process.borrow().values.get(&key).cloned();
        let Some((value, stands)) = found else { return Ok(NOT_FOUND) };
        write(&mut caller, version, &stands.to_le_bytes())?;
        give(&mut caller, &value, (place, size), misdeed)
    });
    host_function!(linker, "proxy_set_shared_data", |caller, _m, key, key_size, value, value_size, version| {
        let (key, value) = (read(&caller, key, key_size)?, read(&caller, value, value_size)?);
        let written = caller.data().process.borrow_mut().set(&key, &value, version.cast_unsigned());
        Ok(if written { OK } else { CAS_MISMATCH })
    });
    host_function!(linker, "proxy_register_shared_queue", |caller, _m, name, size, place| {
        let name = read(&caller, name, size)?;
        let queue = caller.data().process.borrow_mut().register(&name);
        write(&mut caller, place, &queue.to_le_bytes())?;
        Ok(OK)
    });
    host_function!(linker, "proxy_enqueue_shared_queue", |caller, _m, queue, message, size| {
        let message = read(&caller, message, size)?;
        let mut process = caller.data().process.borrow_mut();
        let Some(queue) = process.queues.get_mut(&queue.cast_unsigned()) else { return Ok(NOT_FOUND) };
        queue.push_back(message);
        Ok(OK)
    });
    host_function!(linker, "proxy_dequeue_shared_queue", |caller, misdeed, queue, place, size| {
        let queue = queue.cast_unsigned();
        let message = caller.data().process.borrow_mut().queues.get_mut(&queue).map(|queue| queue.pop_front());
        match message {
            Some(Some(message)) => give(&mut caller, &message, (place, size), misdeed),
            Some(None) => Ok(EMPTY),
            None => Ok(NOT_FOUND),
        }
    });
    host_function!(linker, "proxy_define_metric", |caller, _m, kind, name, size, place| {
        let name = read(&caller, name, size)?;
        let number = caller.data_mut().metrics.define(kind, &name).map_err(Error::new)?;
        write(&mut caller, place, &number.to_le_bytes())?;
        Ok(OK)
    });
    host_function!(linker, "proxy_increment_metric", |caller, _m, number; by| {
        caller.data_mut().metrics.grow(number, by).map_err(Error::new)?;
        Ok(OK)
    });
    host_function!(linker, "proxy_record_metric", |caller, _m, number; value| {
        caller.data_mut().metrics.record(number, value).map_err(Error::new)?;
        Ok(OK)
    });
    host_function!(linker, "proxy_call_foreign_function", |caller, misdeed, name, name_size, arguments, arguments_size, place, size| {
        let (name, arguments) = (read(&caller, name, name_size)?, read(&caller, arguments, arguments_size)?);
        if name != b"verify_signature" || !caller.data().traits.verifies {
            return Ok(NOT_FOUND);
        }
        let Some(answer) = signature::verify(&arguments) else { return Ok(BAD_ARGUMENT) };
        give(&mut caller, &answer, (place, size), misdeed)
    });
}

/// What the host says of something that it did.
fn said(misdeed: Option<Misdeed>) -> i32 {
    if let Some(Misdeed::Untrue(status)) = misdeed { status.cast_signed() } else { OK }
}

fn log(mut caller: Host<'_>, level: i32, text: i32, size: i32) -> Done {
    let text = String::from_utf8(read(&caller, text, size)?).map_err(|_| Error::new("no text"))?;
    if level >= 5 || text.contains("a bug in oidc-gate") {
        return Err(Error::new(text));
    }
    caller.data_mut().log.push((level, text));
    Ok(OK)
}

/// The map of this number, if it may be touched now.
fn touch<'a>(caller: &'a mut Host<'_>, map: i32) -> Result<&'a mut Head, Error> {
    let map = match map {
        0 => Map::Request,
        1 => Map::RequestTrailers,
        2 => Map::Response,
        6 => Map::CallResponse,
        _ => return Err(Error::new("a map that is not there")),
    };
    caller.data_mut().map(map).map_err(Error::new)
}

fn name_at(caller: &Host<'_>, start: i32, size: i32) -> Result<Vec<u8>, Error> {
    is_name(read(caller, start, size)?)
}

fn value_at(caller: &Host<'_>, start: i32, size: i32) -> Result<Vec<u8>, Error> {
    is_value(read(caller, start, size)?)
}

fn is_name(name: Vec<u8>) -> Result<Vec<u8>, Error> {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:".contains(byte);
    let right = !name.is_empty() && name.iter().all(token);
    if right { Ok(name) } else { Err(Error::new(format!("no name of a header: {name:?}"))) }
}

fn is_value(value: Vec<u8>) -> Result<Vec<u8>, Error> {
    let right = !value.iter().any(|byte| b"\r\n\0".contains(byte));
    if right { Ok(value) } else { Err(Error::new("a value that splits a message")) }
}

fn pairs_at(caller: &Host<'_>, start: i32, size: i32) -> Result<Vec<Pair>, Error> {
    let pairs = Head::read(&read(caller, start, size)?);
    let pairs = pairs.ok_or_else(|| Error::new("no map of headers"))?;
    pairs.into_iter().map(|(name, value)| Ok((is_name(name)?, is_value(value)?))).collect()
}

fn respond(
    mut caller: Host<'_>,
    (status, grpc): (i32, i32),
    body: (i32, i32),
    headers: (i32, i32),
    misdeed: Option<Misdeed>,
) -> Done {
    let body = read(&caller, body.0, body.1)?;
    let mut headers = Head::new(pairs_at(&caller, headers.0, headers.1)?);
    headers.keep_last("set-cookie", caller.data().traits.cookies_of_answers);
    if !(200..600).contains(&status) || grpc != -1 {
        return Err(Error::new(format!("an answer with status {status}")));
    }
    let response = Response { status: status.cast_unsigned(), headers, body };
    caller.data_mut().end(|_| Outcome::Answer(response)).map_err(Error::new)?;
    Ok(said(misdeed))
}

fn dispatch(mut caller: Host<'_>, headers: (i32, i32), body: (i32, i32), place: i32) -> Done {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let pairs = pairs_at(&caller, headers.0, headers.1)?;
    let headers: std::collections::BTreeMap<String, String> =
        pairs.into_iter().map(|(name, value)| (text(name), text(value))).collect();
    let body = read(&caller, body.0, body.1)?;
    let state = caller.data_mut();
    let root = state.effective;
    if state.callback == Callback::Configure {
        return Err(Error::new("a call while the plugin is configured"));
    }
    if !state.roots.contains(&root) {
        return Err(Error::new(format!("a call that dies with stream {root}")));
    }
    if ![":method", ":path", ":authority"].iter().all(|name| headers.contains_key(*name)) {
        return Err(Error::new("a call without an address"));
    }
    state.dispatched += 1;
    let number = state.dispatched;
    state.calls.push(Call { number, root, headers, body });
    write(&mut caller, place, &number.to_le_bytes())?;
    Ok(OK)
}
