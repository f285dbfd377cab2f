//! Bodies, replies and calls: what a filter does to messages besides reading their heads.

use super::*;
use switchyard_core::local_reply::LocalReply;

impl Bodies for Hostcalls {
    fn request_body_at(&self, start: usize, length: usize) -> Result<Vec<u8>, HostError> {
        bytes_of(REQUEST_BODY, start, length)
    }

    fn response_body_at(&self, start: usize, length: usize) -> Result<Vec<u8>, HostError> {
        bytes_of(RESPONSE_BODY, start, length)
    }

    fn set_response_body(&self, body: &[u8]) -> Result<(), HostError> {
        // SAFETY: pointer and length come from a live slice; the host copies it before it returns.
        check("proxy_set_buffer_bytes", unsafe {
            proxy_set_buffer_bytes(RESPONSE_BODY, 0, usize::MAX, body.as_ptr(), body.len())
        })
    }
}

impl Replies for Hostcalls {
    fn send_written(
        &self,
        what: LocalReply,
        status: u16,
        headers: &[u8],
        body: &[u8],
    ) -> Result<(), HostError> {
        let details = what.details();
        // SAFETY: all pointers and lengths come from live slices; the host copies them before it returns.
        let sent = unsafe {
            proxy_send_local_response(
                u32::from(status),
                details.as_ptr(),
                details.len(),
                body.as_ptr(),
                body.len(),
                headers.as_ptr(),
                headers.len(),
                -1,
            )
        };
        check("proxy_send_local_response", sent)
    }

    fn resume_response(&self) -> Result<(), HostError> {
        // SAFETY: a plain number.
        check("proxy_continue_stream", unsafe { proxy_continue_stream(RESPONSE) })
    }

    fn resume_request(&self) -> Result<(), HostError> {
        // SAFETY: a plain number.
        check("proxy_continue_stream", unsafe { proxy_continue_stream(REQUEST) })
    }
}

impl Contexts for Hostcalls {
    fn enter(&self, context: u32) -> Result<(), HostError> {
        // SAFETY: a plain number.
        check("proxy_set_effective_context", unsafe { proxy_set_effective_context(context) })
    }
}

impl HttpCalls for Hostcalls {
    fn call(&self, request: &Call<'_>) -> Result<u32, HostError> {
        // Through the SDK, whose dispatcher must know the call to hand its answer on, and would trap on one that it does
        // not know. It unwraps no status that proxies give: a call is made, or is a bad argument, or failed.
        let (headers, timeout) = (request.headers.to_vec(), request.timeout);
        let called = proxy_wasm::hostcalls::dispatch_http_call(
            request.cluster,
            headers,
            request.body,
            Vec::new(),
            timeout,
        );
        called.map_err(|status| HostError {
            call: "proxy_http_call",
            status: Status::from_abi(status as u32).unwrap_or(Status::InternalFailure),
        })
    }
}

impl CallAnswers for Hostcalls {
    fn call_headers(&self) -> Result<HeaderMap, HostError> {
        pairs(CALL_HEADERS)
    }

    fn call_body(&self, length: usize) -> Result<Vec<u8>, HostError> {
        bytes_of(CALL_BODY, 0, length)
    }

    fn call_trailers(&self) -> Result<HeaderMap, HostError> {
        pairs(CALL_TRAILERS)
    }
}
