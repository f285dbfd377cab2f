//! The ports as the fake serves them: each call is counted by its ABI name, and fails if it is told to.

use super::{Called, Dispatched, FakeHost, Reply};
use crate::{
    Bodies, Call, CallAnswers, Clock, Contexts, Decisions, HeaderMap, HostError, HttpCalls,
    PluginConfiguration, Properties, Replies, RequestHeaders, ResponseHeaders, Status, Ticks,
};
use core::cell::RefCell;
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::local_reply::LocalReply;

fn texts(headers: &[(&[u8], &[u8])]) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.to_vec())).collect()
}

/// `length` bytes of `body` at most, from `start` on.
fn piece(body: &[u8], start: usize, length: usize) -> Vec<u8> {
    body.iter().skip(start).take(length).copied().collect()
}

fn replace(headers: &RefCell<Vec<(String, Vec<u8>)>>, name: &str, value: &[u8]) {
    let mut headers = headers.borrow_mut();
    headers.retain(|(key, _)| key != name);
    headers.push((name.to_owned(), value.to_vec()));
}

impl RequestHeaders for FakeHost {
    fn request_headers(&self) -> Result<HeaderMap, HostError> {
        self.called("proxy_get_header_map_pairs")?;
        Ok(HeaderMap::from_pairs(self.request_headers.borrow().iter().cloned()))
    }

    fn set_request_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.called("proxy_replace_header_map_value")?;
        replace(&self.request_headers, name, value);
        Ok(())
    }

    fn remove_request_header(&self, name: &str) -> Result<(), HostError> {
        self.called("proxy_remove_header_map_value")?;
        self.request_headers.borrow_mut().retain(|(key, _)| key != name);
        Ok(())
    }

    fn set_request_headers(&self, headers: &[(&[u8], &[u8])]) -> Result<(), HostError> {
        self.called("proxy_set_header_map_pairs")?;
        self.request_headers.replace(texts(headers));
        Ok(())
    }
}

impl ResponseHeaders for FakeHost {
    fn response_headers(&self) -> Result<HeaderMap, HostError> {
        self.called("proxy_get_header_map_pairs")?;
        Ok(HeaderMap::from_pairs(self.response_headers.borrow().iter().cloned()))
    }

    fn response_trailers(&self) -> Result<HeaderMap, HostError> {
        self.called("proxy_get_header_map_pairs")?;
        Ok(HeaderMap::from_pairs(self.response_trailers.borrow().iter().cloned()))
    }

    fn add_response_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.called("proxy_add_header_map_value")?;
        self.response_headers.borrow_mut().push((name.to_owned(), value.to_vec()));
        Ok(())
    }

    fn set_response_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.called("proxy_replace_header_map_value")?;
        replace(&self.response_headers, name, value);
        Ok(())
    }

    fn remove_response_header(&self, name: &str) -> Result<(), HostError> {
        self.called("proxy_remove_header_map_value")?;
        self.response_headers.borrow_mut().retain(|(key, _)| key != name);
        Ok(())
    }

    fn remove_response_trailer(&self, name: &str) -> Result<(), HostError> {
        self.called("proxy_remove_header_map_value")?;
        self.response_trailers.borrow_mut().retain(|(key, _)| key != name);
        Ok(())
    }

    fn set_response_headers(&self, headers: &[(&[u8], &[u8])]) -> Result<(), HostError> {
        self.called("proxy_set_header_map_pairs")?;
        self.response_headers.replace(texts(headers));
        Ok(())
    }

    fn set_response_trailers(&self, trailers: &[(&[u8], &[u8])]) -> Result<(), HostError> {
        self.called("proxy_set_header_map_pairs")?;
        self.response_trailers.replace(texts(trailers));
        Ok(())
    }
}

impl Bodies for FakeHost {
    fn request_body_at(&self, start: usize, length: usize) -> Result<Vec<u8>, HostError> {
        self.called("proxy_get_buffer_bytes")?;
        Ok(piece(&self.request_body.borrow(), start, length))
    }

    fn response_body_at(&self, start: usize, length: usize) -> Result<Vec<u8>, HostError> {
        self.called("proxy_get_buffer_bytes")?;
        Ok(piece(&self.response_body.borrow(), start, length))
    }

    fn set_response_body(&self, body: &[u8]) -> Result<(), HostError> {
        self.called("proxy_set_buffer_bytes")?;
        self.response_body.replace(body.to_vec());
        Ok(())
    }
}

impl Replies for FakeHost {
    fn send_written(
        &self,
        what: LocalReply,
        status: u16,
        headers: &[u8],
        body: &[u8],
    ) -> Result<(), HostError> {
        self.called("proxy_send_local_response")?;
        self.details.borrow_mut().push(what);
        let headers = HeaderMap::decode(headers.to_vec()).unwrap_or_default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = headers.iter().map(|(name, value)| (text(name), text(value))).collect();
        let (context, body) = (self.context.get(), body.to_vec());
        self.replies.borrow_mut().push(Reply::Answered { context, status, headers, body });
        Ok(())
    }

    fn resume_response(&self) -> Result<(), HostError> {
        self.called("proxy_continue_stream")?;
        self.replies.borrow_mut().push(Reply::Resumed { context: self.context.get() });
        Ok(())
    }

    fn resume_request(&self) -> Result<(), HostError> {
        self.called("proxy_continue_stream")?;
        self.replies.borrow_mut().push(Reply::WentOn { context: self.context.get() });
        Ok(())
    }
}

impl Contexts for FakeHost {
    fn enter(&self, context: u32) -> Result<(), HostError> {
        self.called("proxy_set_effective_context")?;
        if self.gone.borrow().contains(&context) {
            return Err(HostError { call: "proxy_set_effective_context", status: Status::BadArgument });
        }
        self.turn_to(context);
        Ok(())
    }
}

impl Properties for FakeHost {
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        self.called("proxy_get_property")?;
        Ok(self.properties.borrow().get(&path.join(".")).cloned())
    }

    fn set_property(&self, path: &[&str], value: &[u8]) -> Result<(), HostError> {
        self.called("proxy_set_property")?;
        FakeHost::set_property(self, &path.join("."), value);
        self.marks.borrow_mut().push((self.context.get(), path.join("."), value.to_vec()));
        Ok(())
    }
}

impl Decisions for FakeHost {}

impl Clock for FakeHost {
    fn now(&self) -> Result<Timestamp, HostError> {
        self.called("proxy_get_current_time_nanoseconds").map(|()| self.now.get())
    }
}

impl PluginConfiguration for FakeHost {
    fn plugin_configuration(&self) -> Result<Vec<u8>, HostError> {
        self.called("proxy_get_buffer_bytes").map(|()| self.configuration.borrow().clone())
    }
}

impl Ticks for FakeHost {
    fn set_tick_period(&self, period: Duration) -> Result<(), HostError> {
        self.called("proxy_set_tick_period_milliseconds")?;
        self.tick_period.set(period);
        Ok(())
    }
}

impl HttpCalls for FakeHost {
    fn call(&self, request: &Call<'_>) -> Result<u32, HostError> {
        self.called("proxy_http_call")?;
        let number = self.numbers.get() + 1;
        self.numbers.set(number);
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers = request.headers.iter().map(text).collect();
        let dispatched =
            Dispatched { cluster: request.cluster.to_owned(), headers, timeout: request.timeout };
        let body = request.body.map(<[u8]>::to_vec);
        self.called.borrow_mut().push(Called {
            number,
            context: self.context.get(),
            request: dispatched,
            body,
        });
        Ok(number)
    }
}

impl CallAnswers for FakeHost {
    fn call_headers(&self) -> Result<HeaderMap, HostError> {
        self.called("proxy_get_header_map_pairs")?;
        Ok(HeaderMap::from_pairs(self.call_answer.borrow().headers.iter().cloned()))
    }

    fn call_body(&self, length: usize) -> Result<Vec<u8>, HostError> {
        self.called("proxy_get_buffer_bytes")?;
        Ok(piece(&self.call_answer.borrow().body, 0, length))
    }

    fn call_trailers(&self) -> Result<HeaderMap, HostError> {
        self.called("proxy_get_header_map_pairs")?;
        Ok(HeaderMap::from_pairs(self.call_answer.borrow().trailers.iter().cloned()))
    }
}
