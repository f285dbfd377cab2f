//! Answers held against the truth.

use serde_json::json;
use switchyard_test_harness::prelude::*;
use switchyard_test_harness::services::{judge, truth};

use super::{MS, Outcome, start};

/// Requests at random, sent to the service itself.
async fn asked(count: u64, http2: bool, faults: Option<Faults>) -> anyhow::Result<(Service, Tally)> {
    let (service, _) = start().await?;
    let client = if http2 { Client::http2(service.address()) } else { Client::to(service.address()) };
    let patience = if faults.is_some() { MS * 250 } else { wait::DEADLINE };
    service.fails(faults);
    let (mut rng, mut tally) = (fastrand::Rng::with_seed(3), Tally::default());
    for number in 0..count {
        let question = Question::any(number, &mut rng);
        match tokio::time::timeout(patience, question.request(&client).send()).await {
            Ok(answer) => tally.add(&question, &answer, &service),
            Err(_) => tally.add_given_up(&question, true),
        }
    }
    Ok((service, tally))
}

#[tokio::test]
async fn the_service_itself_tells_the_truth_unless_told_to_lie() -> Outcome {
    for http2 in [false, true] {
        let (service, tally) = asked(4_000, http2, None).await?;
        assert_eq!((tally.right, tally.wrong, tally.lost, tally.hung), (4_000, 0, 0, 0), "{:#?}", tally.told);
        assert_eq!((service.mixed_calls().0, tally.requests.len()), (0, 4), "{:?}", service.mixed_calls().1);
    }
    let (service, tally) =
        asked(2_000, false, Some(Faults { victims: Victims::All, ..Faults::evenly(11.0, 1) })).await?;
    assert_eq!((tally.wrong, tally.lost), (0, 0), "{:#?}", tally.told);
    assert!(tally.excused > 50 && tally.hung > 4, "{tally:?}");
    assert_eq!(service.faults().len(), Fault::ALL.len() + 1, "{:?}", service.faults());
    Ok(())
}

#[tokio::test]
async fn an_answer_that_was_changed_is_wrong_whatever_was_changed() -> Outcome {
    let (service, client) = start().await?;
    let mut rng = fastrand::Rng::with_seed(4);
    for number in 0..300 {
        let question = Question::any(number, &mut rng);
        if truth(question.method, &question.path, question.body.as_bytes()).status != 200 {
            continue;
        }
        let right = question.request(&client).send().await?;
        assert_eq!(judge(&question, &right, &service), Verdict::Right);
        let other = Question::any(1_000 + number, &mut rng).request(&client).send().await?;
        let without_length = {
            let mut answer = right.clone();
            answer.headers.remove("content-length");
            answer
        };
        let with_status = Response { status: hyper::StatusCode::BAD_GATEWAY, ..right.clone() };
        for (what, wrong) in [("another's", other), ("length", without_length), ("status", with_status)] {
            let verdict = judge(&question, &wrong, &service);
            assert!(matches!(verdict, Verdict::Wrong(_)), "{what}: {question:?} got {wrong:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_error_is_excused_only_where_a_fault_explains_it() -> Outcome {
    let (service, client) = start().await?;
    let call = json!({ "jsonrpc": "2.0", "id": "a", "method": "echo", "params": ["p0#1.1 x"] });
    let mut question = Question::any(1, &mut fastrand::Rng::with_seed(1));
    question.protocol = Protocol::JsonRpc;
    (question.method, question.path, question.body) = ("POST", "/rpc".to_owned(), call.to_string());
    (question.tags, question.credentials) = (vec!["p0#1.1".to_owned()], None);
    let error = |id: &str| {
        json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32000, "message": "x" } }).to_string()
    };
    let mut answer = question.request(&client).send().await?;
    let mut give = |body: String| {
        answer.headers.insert("content-length", body.len().into());
        answer.body = body.into();
        answer.status = hyper::StatusCode::BAD_GATEWAY;
        answer.clone()
    };
    assert!(matches!(judge(&question, &give(error("a")), &service), Verdict::Wrong(_)));
    service.fails_next(1, Fault::Garbage, Victims::All);
    let both = json!([call, { "jsonrpc": "2.0", "id": 2, "method": "echo", "params": ["p0#2.1 x"] }]);
    client.post("/rpc", both.to_string()).header("x-correlation-id", "1").send().await?;
    assert_eq!(judge(&question, &give(error("a")), &service), Verdict::Excused);
    assert!(matches!(judge(&question, &give(error("b")), &service), Verdict::Wrong(_)), "another's id");
    assert!(
        matches!(judge(&question, &give("<html>".to_owned()), &service), Verdict::Wrong(_)),
        "garbage of a batch"
    );
    service.fails_next(1, Fault::Garbage, Victims::All);
    question.request(&client).send().await?;
    assert_eq!(judge(&question, &give("<html>".to_owned()), &service), Verdict::Excused, "its own garbage");
    Ok(())
}
