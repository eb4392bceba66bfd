//! Events of the plugin: its configuration, time that passes, answers to its calls.

use crate::config::Config;
use crate::gate::{CallId, StreamId, Worker};
use crate::provider::Answer;

use super::abi::{self, Buffer, Map};
use super::{map, stream, vm};

/// How often time is looked at, in milliseconds: waits end, fetches begin.
const TICK: u32 = 200;

/// Most of a configuration that is read, in bytes.
const CONFIGURATION_LIMIT: usize = 1024 * 1024;

/// Most messages of other workers that are read in one go.
const MESSAGES_LIMIT: usize = 1_000;

/// Most of a provider's answer that is copied, in bytes; its readers allow less.
const BODY_LIMIT: usize = 1024 * 1024;

/// Reads the configuration; false refuses it, with every mistake in the log.
pub(super) fn configure(plugin: u32) -> bool {
    // Where there is none, some hosts give an error and some an empty buffer.
    let bytes = abi::buffer(Buffer::PluginConfiguration, CONFIGURATION_LIMIT).ok();
    let bytes = bytes.as_ref().map(abi::HostBytes::as_slice).unwrap_or_default();
    match Config::read(bytes, &|name| std::env::var(name).ok()) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                abi::log(abi::LEVEL_WARN, &format!("oidc-gate: {warning}"));
            }
            let worker = Worker::new(loaded.config);
            // Without ticks nothing would ever be fetched: then what was there stays.
            if abi::tick_every(TICK).is_err() {
                abi::log(
                    abi::LEVEL_ERROR,
                    "oidc-gate: this host has no ticks; so: the configuration is refused, since \
                     nothing would ever be asked of the provider",
                );
                return false;
            }
            abi::log(
                abi::LEVEL_INFO,
                concat!("oidc-gate ", env!("CARGO_PKG_VERSION"), " is configured"),
            );
            vm::with(|vm| vm.configured(plugin, worker)).is_some()
        }
        Err(problems) => {
            abi::log(
                abi::LEVEL_ERROR,
                &format!("oidc-gate: the configuration is refused:\n{problems}"),
            );
            false
        }
    }
}

/// Time passed.
pub(super) fn tick(plugin: u32) {
    let streams = vm::with(|vm| {
        vm.refresh_log_level(plugin);
        vm.tell_metrics();
        vm.of_plugin(plugin, |worker, host| worker.tick(host))
    });
    resume(plugin, streams.flatten().unwrap_or_default());
}

/// Other workers have news.
pub(super) fn woken(plugin: u32, queue: u32) {
    // One callback per message, but whoever comes first may take them all.
    for _ in 0..MESSAGES_LIMIT {
        let Ok(message) = abi::dequeue(queue) else { return };
        if message.as_slice().is_empty() {
            // Some hosts give nothing where there is nothing.
            return;
        }
        let streams = vm::with(|vm| {
            vm.of_plugin(plugin, |worker, host| worker.woken(host, message.as_slice()))
        });
        resume(plugin, streams.flatten().unwrap_or_default());
    }
}

/// A call was answered, or failed: a failure is no headers at all, or a synthetic 503 or 504.
pub(super) fn answered(plugin: u32, call: u32, headers: usize, body: usize) {
    let head = if headers == 0 { None } else { abi::pairs(Map::CallResponse).ok() };
    let head = head.as_ref().and_then(|bytes| map::read(bytes.as_slice()));
    let status = head.as_ref().and_then(|head| head.first(":status"));
    let content_type = head.as_ref().and_then(|head| head.first("content-type"));
    let body = match body {
        0 => None,
        _ => abi::buffer(Buffer::CallResponseBody, BODY_LIMIT).ok(),
    };
    let answer = Answer {
        status: status.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()),
        content_type: content_type.and_then(|text| std::str::from_utf8(text).ok()),
        body: body.as_ref().map(abi::HostBytes::as_slice).unwrap_or_default(),
    };
    let streams = vm::with(|vm| {
        vm.of_plugin(plugin, |worker, host| worker.answered(host, CallId(call), &answer))
    });
    resume(plugin, streams.flatten().unwrap_or_default());
}

fn resume(plugin: u32, streams: Vec<StreamId>) {
    if streams.is_empty() {
        return;
    }
    for StreamId(id) in streams {
        // Where that fails it is gone, and its end is yet to be told; if not, a tick finds it.
        if abi::act_for(id).is_ok() {
            stream::resume(id);
        }
    }
    // The plugin itself cannot be gone while it runs.
    let _ = abi::act_for(plugin);
}
