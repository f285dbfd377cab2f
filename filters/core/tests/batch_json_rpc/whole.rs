//! What a server says about a batch as a whole.

use super::{outcomes, part, protocol, split};
use crate::batch_shares::SplitAll as _;
use switchyard_core::batch::{Answer, Broken, Outcome};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const A: &str = r#"{"jsonrpc":"2.0","method":"a","id":"x"}"#;
const B: &str = r#"{"jsonrpc":"2.0","method":"b","id":7}"#;
const TELLS: &str = r#"{"jsonrpc":"2.0","method":"t"}"#;

fn error(id: &str, code: i32, message: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{message}"}}}}"#)
}

#[test]
fn servers_say_in_many_words_that_a_batch_is_too_large() {
    // go-ethereum, Erigon before and after its issue 17245, Besu, Nethermind, jsonrpsee.
    for answer in [
        format!("[{}]", error("1", -32600, "batch too large")),
        error(
            "null",
            -32000,
            "batch limit 100 exceeded (can increase by --rpc.batch.limit). Requested batch of size: 401",
        ),
        format!("[{}]", error("null", -32000, "batch limit 100 exceeded: 142 requests given")),
        error("null", -32005, "Number of requests in batch exceeds max batch size"),
        error("null", -32600, "Batch size limit exceeded."),
        error("null", -32010, "The batch request was too large"),
    ] {
        assert_eq!(split(&[A, B], &answer), Err(Broken::TooLarge), "{answer}");
        for status in [400, 429, 500] {
            let parts = [part(A), part(B)];
            let found = protocol().split_all(&parts, Answer { status, body: answer.as_bytes() });
            assert_eq!(found, Err(Broken::TooLarge), "{status} {answer}");
        }
    }
    for status in [413, 414, 431] {
        let found = protocol().split_all(&[part(A), part(B)], Answer { status, body: b"too much" });
        assert_eq!(found, Err(Broken::TooLarge), "{status}");
    }
}

#[test]
fn or_that_it_is_none() {
    for answer in [
        error("null", -32600, "Invalid Request"),
        error("null", -32700, "Parse error"),
        error("null", -32005, "Batched requests are not supported by this server"),
    ] {
        assert_eq!(split(&[A, B], &answer), Err(Broken::Refused), "{answer}");
        let found = protocol().split_all(&[part(A)], Answer { status: 401, body: answer.as_bytes() });
        assert_eq!(found, Err(Broken::Status(401)), "what is said of the caller goes before");
    }
}

#[test]
fn an_error_that_may_be_a_calls_own_is_that() {
    let own = format!("[{}]", error("1", -32600, "batch too large"));
    assert_eq!(outcomes(&[A], &own), [(200, Outcome::Answered)]);
    let own =
        format!("[{},{}]", error("1", -32600, "Invalid Request"), error("2", -32003, "transaction rejected"));
    assert_eq!(outcomes(&[A, B], &own), [(200, Outcome::Answered), (200, Outcome::Answered)]);
    // jsonrpsee: it has been made.
    assert_eq!(split(&[A, B], &error("null", -32011, "The batch response was too large")), Err(Broken::Form));
    let quoted = format!("no such thing: {}batch limit", "x".repeat(300));
    assert_eq!(
        split(&[A, B], &error("null", -32000, &quoted)),
        Err(Broken::Form),
        "a long one may quote a client"
    );
}

#[test]
fn what_is_behind_too_long_answers_was_not_done() {
    let too_large = |id: &str| error(id, -32003, "response too large");
    let answer = format!(r#"[{{"id":1,"result":1}},{},{}]"#, too_large("2"), too_large("3"));
    let (done, undone) = ((200, Outcome::Answered), (200, Outcome::Undone));
    assert_eq!(outcomes(&[A, B, A], &answer), [done, undone, undone]);
    // Calls are made in order, and so are notifications.
    let answer = format!(r#"[{{"id":2,"result":1}},{}]"#, too_large("3"));
    assert_eq!(
        outcomes(&[TELLS, A, B, TELLS], &answer),
        [(204, Outcome::Answered), done, undone, (204, Outcome::Undone)]
    );
    // Of a client's own batch some was done.
    let own = format!("[{A},{B}]");
    let answer = format!(r#"[{{"id":1,"result":1}},{}]"#, too_large("2"));
    assert_eq!(outcomes(&[&own], &answer), [(200, Outcome::Lost)]);
    let answer = format!("[{},{}]", too_large("1"), too_large("2"));
    assert_eq!(split(&[A, B], &answer), Err(Broken::TooLarge), "nothing was");
}

#[test]
fn what_had_no_time_left_in_a_batch_is_lost() {
    let answer = format!(r#"[{{"id":1,"result":1}},{}]"#, error("2", -32002, "request timed out"));
    assert_eq!(outcomes(&[A, B], &answer), [(200, Outcome::Answered), (200, Outcome::Lost)]);
}

#[test]
fn an_array_of_errors_is_each_calls_own_whatever_the_status() {
    let answer = format!("[{},{}]", error("2", -32005, "slow down"), error("1", -32005, "slow"));
    let found = protocol()
        .split_all(&[part(A), part(B)], Answer { status: 429, body: answer.as_bytes() })
        .expect("shares");
    assert_eq!(found.iter().map(|share| share.status).collect::<Vec<_>>(), [429, 429]);
    assert_eq!(String::from_utf8_lossy(&found[1].body), error("7", -32005, "slow down"));
    let one = format!("[{}]", error("2", -32005, "slow down"));
    let found = protocol().split_all(&[part(A), part(B)], Answer { status: 429, body: one.as_bytes() });
    assert_eq!(found, Err(Broken::Status(429)));
}

#[test]
fn what_is_said_under_no_id_is_said_of_a_batch_of_one_too() {
    let in_an_array = format!("[{}]", error("null", -32600, "batch too large"));
    assert_eq!(split(&[A], &in_an_array), Err(Broken::TooLarge));
    assert_eq!(split(&[A], &error("null", -32600, "Invalid Request")), Err(Broken::Refused));
}
