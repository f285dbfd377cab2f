//! What the services answer, what that costs, and what they know of who asked.

use std::time::Instant;

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

use super::{MS, Outcome, document, start};

#[tokio::test]
async fn json_rpc_answers_calls_batches_and_notifications() -> Outcome {
    let (service, client) = start().await?;
    let ask = |body: Value| client.post("/rpc", body.to_string()).send();
    let call = |id: Value, method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    let sum = document(&ask(call(json!("a"), "add", json!([1, 2, "p1#7 x"]))).await?);
    assert_eq!(sum, json!({ "jsonrpc": "2.0", "id": "a", "result": { "sum": 3, "of": "p1#7" } }));
    let failed = document(&ask(call(json!(null), "fail", json!([1]))).await?);
    assert_eq!(
        (&failed["id"], &failed["error"]["code"], &failed["error"]["data"]),
        (&json!(null), &json!(-32001), &json!([1]))
    );
    let notification = json!({ "jsonrpc": "2.0", "method": "echo" });
    let silent = ask(notification.clone()).await?;
    assert_eq!((silent.status.as_u16(), silent.body.len()), (204, 0));
    assert_eq!(ask(json!([notification])).await?.status, 204);
    let several = document(
        &ask(json!([call(json!(1), "echo", json!([1])), notification, call(json!(2), "none", json!([])), 5]))
            .await?,
    );
    let codes: Vec<_> =
        several.as_array().unwrap().iter().map(|answer| answer["error"]["code"].as_i64()).collect();
    assert_eq!(codes, [None, Some(-32601), Some(-32600)]);
    let calls = service.calls();
    assert_eq!(calls.iter().map(|call| call.items).collect::<Vec<_>>(), [1, 1, 1, 1, 4]);
    assert_eq!((service.count(), service.items(), service.most_items()), (5, 8, 4));
    assert_eq!(document(&client.post("/rpc", "{").send().await?)["error"]["code"], -32700);
    Ok(())
}

#[tokio::test]
async fn a_batch_of_embeddings_is_the_embeddings_of_its_inputs_and_what_is_used_adds_up() -> Outcome {
    let (_service, client) = start().await?;
    let ask = async |input: Value| {
        let body = json!({ "model": "small", "input": input }).to_string();
        anyhow::Ok(document(&client.post("/v1/embeddings", body).send().await?))
    };
    let (text, tokens) = (ask(json!("one \u{e9}\n")).await?, ask(json!([1, 2, 3])).await?);
    let both = ask(json!(["one \u{e9}\n", [1, 2, 3]])).await?;
    assert_eq!(both["data"][0], text["data"][0]);
    assert_eq!(
        (&both["data"][1]["embedding"], &both["data"][1]["index"]),
        (&tokens["data"][0]["embedding"], &json!(1))
    );
    assert_ne!(text["data"][0]["embedding"], tokens["data"][0]["embedding"]);
    assert_eq!(
        [&text, &tokens, &both].map(|answer| answer["usage"]["total_tokens"].as_u64().unwrap()),
        [3, 3, 6]
    );
    let empty =
        client.post("/v1/embeddings", json!({ "model": "small", "input": "" }).to_string()).send().await?;
    assert_eq!(
        (empty.status.as_u16(), document(&empty)["error"]["type"].as_str()),
        (400, Some("invalid_request_error"))
    );
    Ok(())
}

#[tokio::test]
async fn objects_are_there_one_at_a_time_and_listed_in_both_forms() -> Outcome {
    let (_service, client) = start().await?;
    let get = async |path: &str| anyhow::Ok(client.get(path).send().await?);
    let one = document(&get("/items/1").await?);
    let other = document(&get("/items/p1-b").await?);
    assert_eq!((&one["id"], &other["id"]), (&json!(1), &json!("p1-b")));
    assert_eq!(get("/items/10").await?.status, 404);
    for list in ["/items?ids=1,10,p1-b", "/items?ids=1&ids=p1%2Db&ids=1", "/items?ids=1%2Cp1-b"] {
        assert_eq!(document(&get(list).await?)["items"], json!([one, other]), "{list}");
    }
    assert_eq!(document(&get("/things?ids=1").await?), json!([one]));
    assert_eq!(document(&get("/things?view=short&ids=1").await?)[0]["view"], "short");
    assert_eq!(get("/items").await?.status, 400);
    Ok(())
}

#[tokio::test]
async fn instances_are_scored_in_order_and_a_bare_one_by_itself() -> Outcome {
    let (_service, client) = start().await?;
    let ask = async |path: &str, body: Value| {
        anyhow::Ok(document(&client.post(path, body.to_string()).send().await?))
    };
    let (a, b) = (json!({ "text": "p1#1 a" }), json!({ "text": "p1#2 b" }));
    let (one, other) = (ask("/list", a.clone()).await?, ask("/list", b.clone()).await?);
    assert_eq!((&one["of"], &other["of"]), (&json!("p1#1"), &json!("p1#2")));
    assert_eq!(ask("/list", json!([a, b])).await?, json!([one, other]));
    assert_eq!(ask("/predict", json!({ "instances": [b, a] })).await?["predictions"], json!([other, one]));
    let scaled = ask("/predict", json!({ "instances": [a], "parameters": { "scale": 2 } })).await?;
    assert_eq!(scaled["predictions"][0]["score"].as_f64().unwrap(), one["score"].as_f64().unwrap() * 2.0);
    Ok(())
}

#[tokio::test]
async fn a_call_with_items_of_two_principals_is_found_out_however_they_are_written() -> Outcome {
    let (service, client) = start().await?;
    let rpc = |tags: &[&str]| {
        let call =
            |tag: &&str| json!({ "jsonrpc": "2.0", "id": 1, "method": "echo", "params": { "deep": [tag] } });
        client.post("/rpc", Value::from_iter(tags.iter().map(call)).to_string())
    };
    rpc(&["p1#1", "p1#2"]).header("authorization", "Bearer p1").send().await?;
    rpc(&["p0#1"]).send().await?;
    client.get("/items?ids=p2-1,2000003,7").header("cookie", "session=p2").send().await?;
    rpc(&["untold"]).header("x-api-key", "anyone").send().await?;
    assert_eq!(service.mixed_calls().0, 0, "{:?}", service.mixed_calls().1);
    rpc(&["p1#1", "p2#1"]).header("authorization", "Bearer p1").send().await?;
    rpc(&["p1#1"]).send().await?;
    rpc(&["p1#1"]).header("authorization", "Bearer p1").header("cookie", "session=p2").send().await?;
    client.get("/items?ids=p2-1,3000003").header("cookie", "session=p2").send().await?;
    client
        .post("/v1/embeddings", json!({ "model": "m", "input": [[1_000_000], [2_000_000]] }).to_string())
        .header("x-api-key", "p1")
        .send()
        .await?;
    let (count, first) = service.mixed_calls();
    assert_eq!((count, first.len()), (5, 5));
    assert_eq!(first[0].principals.iter().map(String::as_str).collect::<Vec<_>>(), ["p1", "p2"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_queue_and_cost_what_they_should_to_well_below_a_millisecond() -> Outcome {
    let service = Service::start(Cost::new(MS * 4, MS / 5)).await?;
    let client = Client::to(service.address());
    let mut beyond = Vec::new();
    for _ in 0..60 {
        let begun = Instant::now();
        client.get("/items?ids=1,2,3,4,5").send().await?;
        beyond.push(begun.elapsed().checked_sub(MS * 5).expect("no call is quicker than its cost"));
    }
    beyond.sort_unstable();
    println!("beyond the cost: {beyond:?}");
    assert!(beyond[20] < MS, "{beyond:?}");
    // Others may need the machine for a while, but not always.
    let mut took = Vec::new();
    for _ in 0..3 {
        let begun = Instant::now();
        let calls: Vec<_> =
            (0..20).map(|_| tokio::spawn(client.get("/items?ids=1,2,3,4,5").send())).collect();
        for call in calls {
            call.await??;
        }
        took.push(begun.elapsed());
    }
    assert!(took.iter().all(|took| *took >= MS * 100), "{took:?}");
    assert!(took.iter().any(|took| *took < MS * 130), "{took:?}");
    assert!(service.most_at_a_time() > 10, "they queue");
    Ok(())
}

#[tokio::test]
async fn held_calls_wait_for_their_release_and_later_ones_do_not() -> Outcome {
    let (service, client) = start().await?;
    service.hold_next(1);
    let held = tokio::spawn(client.get("/items/1").send());
    let there = async || Ok((service.under_way() == 1).then_some(()));
    wait::until("the call", wait::DEADLINE, there).await?;
    assert_eq!(client.get("/items/2").send().await?.status, 200);
    assert_eq!((service.count(), service.under_way()), (2, 1));
    service.release();
    assert_eq!(held.await??.status, 200);
    Ok(())
}
