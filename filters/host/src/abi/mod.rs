//! The real host: proxy-wasm ABI 0.2.1, every status checked.
//!
//! The functions are declared here rather than taken from the SDK because the SDK's wrappers panic on a status
//! they do not expect. Buffers that the host fills were allocated by this module's own allocator (the SDK's
//! `proxy_on_memory_allocate`: a `Vec<u8>` with exactly that capacity), so taking one back as a `Vec` is sound.

#![allow(unsafe_code, reason = "the ABI is a C interface; this module is its only user")]

mod messages;
mod queues;
#[cfg(target_arch = "wasm32")]
mod waking;

use crate::{
    Bodies, Call, CallAnswers, Clock, Contexts, Decisions, HeaderMap, HostError, HttpCalls, MetricId,
    MetricSink, PluginConfiguration, Properties, Queues, Replies, RequestHeaders, ResponseHeaders, Shared,
    SharedData, Status, Ticks,
};
use core::ptr::null_mut;
use core::time::Duration;
use switchyard_core::Timestamp;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_buffer_bytes(
        kind: u32,
        start: usize,
        length: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_buffer_bytes(kind: u32, start: usize, length: usize, data: *const u8, size: usize) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_header_map_pairs(map: u32, data: *const u8, size: usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_continue_stream(kind: u32) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
    fn proxy_get_metric(id: u32, value: *mut u64) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        cas: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
        cas: u32,
    ) -> u32;
    fn proxy_register_shared_queue(name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_enqueue_shared_queue(id: u32, data: *const u8, size: usize) -> u32;
    fn proxy_dequeue_shared_queue(id: u32, data: *mut *mut u8, size: *mut usize) -> u32;
}

const REQUEST_HEADERS: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
const RESPONSE_TRAILERS: u32 = 3;
const CALL_HEADERS: u32 = 6;
const CALL_TRAILERS: u32 = 7;
const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const CALL_BODY: u32 = 4;
const PLUGIN_CONFIGURATION: u32 = 7;
const REQUEST: u32 = 0;
const RESPONSE: u32 = 1;
const COUNTER: u32 = 0;
const GAUGE: u32 = 1;
const HISTOGRAM: u32 = 2;

/// The host of the VM that this module runs in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hostcalls;

fn check(call: &'static str, status: u32) -> Result<(), HostError> {
    match Status::from_abi(status) {
        None => Ok(()),
        Some(status) => Err(HostError { call, status }),
    }
}

/// Runs a call that returns a buffer and takes the buffer over; no data is an empty one.
fn buffer(
    call: &'static str,
    fill: impl FnOnce(*mut *mut u8, *mut usize) -> u32,
) -> Result<Vec<u8>, HostError> {
    let (mut data, mut size) = (null_mut::<u8>(), 0usize);
    check(call, fill(&mut data, &mut size))?;
    if data.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: the host allocated `size` bytes through this module's allocator and handed them over.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}

fn pairs(map: u32) -> Result<HeaderMap, HostError> {
    let call = "proxy_get_header_map_pairs";
    // SAFETY: both out-pointers are live.
    let bytes = buffer(call, |data, size| unsafe { proxy_get_header_map_pairs(map, data, size) })?;
    HeaderMap::decode(bytes).ok_or(HostError { call, status: Status::Malformed })
}

fn set_pairs(map: u32, pairs: &[(&[u8], &[u8])]) -> Result<(), HostError> {
    let bytes = HeaderMap::encode(pairs);
    // SAFETY: pointer and length come from a live buffer; the host copies it before it returns.
    check("proxy_set_header_map_pairs", unsafe {
        proxy_set_header_map_pairs(map, bytes.as_ptr(), bytes.len())
    })
}

/// The bytes of a buffer from `start` on; none if the host has no such buffer now.
fn bytes_of(kind: u32, start: usize, length: usize) -> Result<Vec<u8>, HostError> {
    // SAFETY: both out-pointers are live.
    let found = buffer("proxy_get_buffer_bytes", |data, size| unsafe {
        proxy_get_buffer_bytes(kind, start, length, data, size)
    });
    match found {
        Err(HostError { status: Status::NotFound, .. }) => Ok(Vec::new()),
        other => other,
    }
}

fn set_shared(key: &str, value: &[u8], cas: u32) -> Result<(), HostError> {
    // SAFETY: both pointers and lengths come from live slices; the host copies them before it returns.
    let status = unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) };
    check("proxy_set_shared_data", status)
}

fn replace(map: u32, name: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: both pointers and lengths come from live slices; the host copies them before it returns.
    let status = unsafe {
        proxy_replace_header_map_value(map, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    };
    check("proxy_replace_header_map_value", status)
}

fn remove(map: u32, name: &str) -> Result<(), HostError> {
    // SAFETY: the name is a live slice.
    let status = unsafe { proxy_remove_header_map_value(map, name.as_ptr(), name.len()) };
    check("proxy_remove_header_map_value", status)
}

fn define(kind: u32, name: &str) -> Result<MetricId, HostError> {
    let mut id = 0;
    // SAFETY: the name is a live slice, the id a live u32.
    let status = unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &mut id) };
    check("proxy_define_metric", status).map(|()| MetricId(id))
}

impl RequestHeaders for Hostcalls {
    fn request_headers(&self) -> Result<HeaderMap, HostError> {
        pairs(REQUEST_HEADERS)
    }

    fn set_request_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        replace(REQUEST_HEADERS, name, value)
    }

    fn remove_request_header(&self, name: &str) -> Result<(), HostError> {
        remove(REQUEST_HEADERS, name)
    }

    fn set_request_headers(&self, headers: &[(&[u8], &[u8])]) -> Result<(), HostError> {
        set_pairs(REQUEST_HEADERS, headers)
    }
}

impl ResponseHeaders for Hostcalls {
    fn response_headers(&self) -> Result<HeaderMap, HostError> {
        pairs(RESPONSE_HEADERS)
    }

    fn response_trailers(&self) -> Result<HeaderMap, HostError> {
        pairs(RESPONSE_TRAILERS)
    }

    fn add_response_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        // SAFETY: both pointers and lengths come from live slices.
        let status = unsafe {
            proxy_add_header_map_value(
                RESPONSE_HEADERS,
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            )
        };
        check("proxy_add_header_map_value", status)
    }

    fn set_response_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        replace(RESPONSE_HEADERS, name, value)
    }

    fn remove_response_header(&self, name: &str) -> Result<(), HostError> {
        remove(RESPONSE_HEADERS, name)
    }

    fn remove_response_trailer(&self, name: &str) -> Result<(), HostError> {
        remove(RESPONSE_TRAILERS, name)
    }

    fn set_response_headers(&self, headers: &[(&[u8], &[u8])]) -> Result<(), HostError> {
        set_pairs(RESPONSE_HEADERS, headers)
    }

    fn set_response_trailers(&self, trailers: &[(&[u8], &[u8])]) -> Result<(), HostError> {
        set_pairs(RESPONSE_TRAILERS, trailers)
    }
}

impl Properties for Hostcalls {
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        let path = path.join("\0");
        // SAFETY: the path is a live slice, both out-pointers are live.
        let found = buffer("proxy_get_property", |data, size| unsafe {
            proxy_get_property(path.as_ptr(), path.len(), data, size)
        });
        match found {
            Ok(bytes) => Ok(Some(bytes)),
            Err(HostError { status: Status::NotFound, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn set_property(&self, path: &[&str], value: &[u8]) -> Result<(), HostError> {
        let path = path.join("\0");
        // SAFETY: all pointers and lengths come from live slices; the host copies them before it returns.
        let status = unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) };
        check("proxy_set_property", status)
    }
}

/// Envoy has no ear for them: whoever writes them down for it stands in between.
impl Decisions for Hostcalls {}

impl Clock for Hostcalls {
    fn now(&self) -> Result<Timestamp, HostError> {
        let mut nanos = 0;
        // SAFETY: the out-pointer is live.
        let status = unsafe { proxy_get_current_time_nanoseconds(&mut nanos) };
        check("proxy_get_current_time_nanoseconds", status).map(|()| Timestamp::from_nanos(nanos))
    }
}

impl MetricSink for Hostcalls {
    fn define_counter(&self, name: &str) -> Result<MetricId, HostError> {
        define(COUNTER, name)
    }

    fn define_gauge(&self, name: &str) -> Result<MetricId, HostError> {
        define(GAUGE, name)
    }

    fn define_histogram(&self, name: &str) -> Result<MetricId, HostError> {
        define(HISTOGRAM, name)
    }

    fn increment(&self, id: MetricId, by: u64) -> Result<(), HostError> {
        // SAFETY: plain numbers.
        let status = unsafe { proxy_increment_metric(id.0, i64::try_from(by).unwrap_or(i64::MAX)) };
        check("proxy_increment_metric", status)
    }

    fn record(&self, id: MetricId, value: u64) -> Result<(), HostError> {
        // SAFETY: plain numbers.
        check("proxy_record_metric", unsafe { proxy_record_metric(id.0, value) })
    }

    fn metric_value(&self, id: MetricId) -> Result<u64, HostError> {
        let mut value = 0;
        // SAFETY: the out-pointer is live.
        let status = unsafe { proxy_get_metric(id.0, &mut value) };
        check("proxy_get_metric", status).map(|()| value)
    }
}

impl PluginConfiguration for Hostcalls {
    fn plugin_configuration(&self) -> Result<Vec<u8>, HostError> {
        bytes_of(PLUGIN_CONFIGURATION, 0, usize::MAX)
    }
}

impl Ticks for Hostcalls {
    fn set_tick_period(&self, period: Duration) -> Result<(), HostError> {
        let millis = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
        // SAFETY: a plain number.
        check("proxy_set_tick_period_milliseconds", unsafe { proxy_set_tick_period_milliseconds(millis) })
    }
}

impl SharedData for Hostcalls {
    fn shared_data(&self, key: &str) -> Result<Option<Shared>, HostError> {
        let mut cas = 0;
        // SAFETY: the key is a live slice, all out-pointers are live.
        let found = buffer("proxy_get_shared_data", |data, size| unsafe {
            proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &mut cas)
        });
        match found {
            Ok(value) => Ok(Some(Shared { value, cas })),
            Err(HostError { status: Status::NotFound, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn set_shared_data(&self, key: &str, value: &[u8]) -> Result<(), HostError> {
        set_shared(key, value, 0)
    }

    fn swap_shared_data(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, HostError> {
        match set_shared(key, value, cas) {
            Ok(()) => Ok(true),
            Err(HostError { status: Status::CasMismatch, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
