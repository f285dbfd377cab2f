//! The section `batch`: how requests are joined, when a batch leaves, what it may hold, and what becomes of one that
//! failed.

mod protocol;

use super::Mode;
pub(crate) use super::coalesce::Scope;
pub(crate) use super::key::BatchKey;
use super::retry::Budget;
use crate::read::{section, words};
use crate::values::{ByteSize, Duration};
pub(crate) use protocol::{Embeddings, IdForm, IdList, JsonArray, JsonRpc, Protocol, Sends};

section! {
    /// Batching by batch.wasm: distinct requests that the upstream can serve together go in one call, and every client
    /// gets its own part of the answer. A request that is none of the protocol's goes by itself.
    Batch {
        required {
            /// How requests are joined, and their answer is split: exactly one of json_rpc, json_array, embeddings,
            /// id_list.
            protocol: Protocol,
        }
        optional {
            /// `shadow` counts what would have waited, and holds nothing back. Default: the document's mode.
            mode: Mode,
            /// Whose requests share a call. Default: worker.
            scope: Scope,
            /// The upstream that batches go to; required where the route has a `split`, since a batch goes to one.
            /// Default: the route's.
            upstream: String,
            /// When a batch leaves, besides when it is full or its oldest request has waited for max_delay. Default:
            /// while_busy.
            leaves: Leaves,
            /// Sizes that keep answers in time (leaves adaptive, which needs it).
            adaptive: Adaptive,
            /// The most items of a batch, 1 to 10000. Default: 64; with embeddings the protocol's max_items, if that is
            /// less.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10_000)))]
            max_items: u64,
            /// The most bytes that the requests of a batch take in memory, max_body to 64MiB. Default: 1MiB.
            max_bytes: ByteSize,
            /// The most that the items of a batch weigh, 1 to 1000000000: their bytes, or what the protocol's weigh says;
            /// tokens with embeddings; with id_list the bytes of the ids in the query. Default: no limit; with embeddings the
            /// protocol's max_tokens, with id_list 4096.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000_000)))]
            max_weight: u64,
            /// How long a request waits for its batch to leave, 1ms to 10s; less than timeout. It waits longer where max_in_flight
            /// batches are under way. Default: 20ms.
            max_delay: Duration,
            /// The most batches of one key that are under way at a time in a worker, requests that went alone included, 1
            /// to 1000; 1 is best for an upstream that takes one call at a time. Default: 4, with adaptive 1.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000)))]
            max_in_flight: u64,
            /// How long a batch may be without an answer, or a request that went alone without the beginning of one, 100ms to
            /// 1h, and still count as under way; should be longer than calls take. Default: 1s.
            stall_timeout: Duration,
            /// What tells requests apart that may not share a call, besides the route, method, scheme, authority, path with query
            /// (id_list: without the ids), and who asks.
            key: BatchKey,
            /// Dangerous. Requests of different principals share calls, which are made with the credentials of the first:
            /// a client gets what another client's credentials obtained. Only for routes whose answers are the same for
            /// everybody, or whose upstream looks at no credentials. Default: false, they never share one.
            i_know_that_batches_mix_principals: bool,
            /// What the Envoy route gives a request; 0s: no limit. Default: 15s, which is Envoy's.
            timeout: Duration,
            /// A request header that says in milliseconds how much time the request has. `grpc-timeout` is always heard.
            /// Default: none.
            deadline_header: String,
            /// With less time left than this no call is made. Default: 10ms.
            deadline_floor: Duration,
            /// What becomes of a request that has less time left than its batch is thought to take. Default: alone.
            short_deadline: ShortDeadline,
            /// What becomes of a batch that failed as a whole, as far as its requests may be made twice. Default:
            /// bisect.
            on_failure: OnFailure,
            /// Every request of the route may be made twice, whatever the protocol knows; those of embeddings and id_list
            /// may in any case. Default: false.
            repeatable: bool,
            /// How many calls and requests there may be in one worker in place of batches that failed (on_failure bisect
            /// and singly).
            budget: Budget,
            /// The longest body that is batched, 1 to 1MiB; a longer one goes by itself (not id_list). Must lie below the
            /// listener's per_connection_buffer_limit_bytes, or Envoy answers 413 before the filter can let it go. Default:
            /// 64KiB.
            max_body: ByteSize,
            /// How long a body may take to be whole, 10ms to 10s; a request whose body takes longer goes by itself (not id_list).
            /// Default: 1s.
            body_timeout: Duration,
            /// The most requests of the route in one worker that wait or are in batches, 1 to 1000000; further ones go by
            /// themselves. Default: 4096.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000)))]
            max_requests: u64,
            /// What requests of the route that wait or are in batches may take in one worker, max_bytes to 1024MiB; further
            /// ones go by themselves. Default: 16MiB.
            max_bytes_held: ByteSize,
            /// A request that is none of the protocol's is refused with 400 and the position of the fault. Default: false,
            /// it goes by itself.
            strict: bool,
            /// Adds the response header x-switchyard-batch: the size of the batch, and the place in it. Default: false.
            tell: bool,
        }
    }
}

words! {
    /// When a batch leaves.
    Leaves {
        /// As soon as nothing of its key is under way: no request waits while the upstream is idle.
        WhileBusy = "while_busy",
        /// Not before it is full or its oldest request has waited for max_delay.
        FixedDelay = "fixed_delay",
        /// As while_busy, and no larger than keeps answers in time.
        Adaptive = "adaptive",
    }
}

section! {
    /// Sizes of batches that keep answers in time.
    Adaptive {
        required {
            /// How long an answer may take, the wait included; longer than max_delay, up to timeout and 1h.
            target: Duration,
        }
        optional {
            /// How the size is found. Default: least_squares.
            estimator: Estimator,
        }
    }
}

words! {
    /// How the size is found that keeps answers in time.
    Estimator {
        /// The largest that takes no longer by a line through what recent batches took.
        LeastSquares = "least_squares",
        /// One more after each batch in time, a tenth less after one that was late.
        Aimd = "aimd",
    }
}

words! {
    /// What becomes of a request that has less time left than its batch is thought to take.
    ShortDeadline {
        /// It goes alone.
        Alone = "alone",
        /// It is refused with 504 at once.
        Refuse = "refuse",
    }
}

words! {
    /// What becomes of a batch that failed as a whole.
    OnFailure {
        /// Each half of it is sent again, until a request is alone.
        Bisect = "bisect",
        /// Each request goes alone.
        Singly = "singly",
        /// Every client gets the failure.
        Fail = "fail",
    }
}
