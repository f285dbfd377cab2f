//! Batching on a real Envoy: requests that come while one like them is under way go as one call, in every protocol.

mod adaptive;
mod failures;
mod headers;
mod limits;
mod manners;
mod memory;
mod proxy;
mod reload;
mod slow;
mod truth;

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use switchyard_test_harness::services::{Cost, Protocol, Service};

type Outcome = anyhow::Result<()>;

/// A call of JSON-RPC.
fn rpc(client: &Client, call: &Value) -> Request {
    client.post("/rpc", call.to_string()).header("content-type", "application/json")
}

/// A sum under this id.
fn add(client: &Client, id: &Value, number: u64) -> Request {
    rpc(client, &json!({ "jsonrpc": "2.0", "id": id, "method": "add", "params": [number, 1] }))
}

fn body(answer: &Response) -> Value {
    serde_json::from_str(&answer.text()).unwrap_or_else(|_| json!(answer.text()))
}

/// How many calls there were of each number of items.
fn sizes(service: &Service) -> Vec<(usize, u64)> {
    service.sizes().into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_json_rpc_go_as_one_array_and_every_client_gets_its_own_id_back() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy =
        start_batching(&service, 1, &patient_section(Protocol::JsonRpc, &json!({ "tell": true }))).await?;
    let address = envoy.listener_address("ingress").await?;
    let ids =
        [json!(1), json!(1), json!("1"), json!("a \"quoted\" id"), json!(null), json!(9007199254740993_u64)];
    for client in [Client::to(address), Client::http2(address)] {
        service.forget();
        let requests = ids.iter().zip(0..).map(|(id, number)| add(&client, id, number)).collect();
        let answered = gathered(&envoy, &service, requests).await?;
        for ((id, answer), number) in ids.iter().zip(&answered).zip(0..) {
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.header("content-type"), "application/json");
            assert_eq!(answer.header("content-length"), answer.text().len().to_string());
            let body = body(answer);
            assert_eq!((&body["id"], &body["result"]["sum"]), (id, &json!(number + 1)), "{body}");
        }
        assert_eq!(sizes(&service), [(1, 1), (5, 1)]);
        let told: Vec<_> =
            answered.iter().map(|answer| answer.header("x-switchyard-batch").to_owned()).collect();
        assert_eq!(told[0], "size=1;index=0");
        let mut rest = told[1..].to_vec();
        rest.sort();
        assert_eq!(rest, (0..5).map(|index| format!("size=5;index={index}")).collect::<Vec<_>>());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_errors_and_arrays_of_clients_keep_their_form_within_a_batch() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy = start_batching(&service, 1, &patient_section(Protocol::JsonRpc, &json!({}))).await?;
    let client = envoy.client("ingress").await?;
    let call =
        |id: u64, method: &str| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": [id] });
    let requests = vec![
        rpc(&client, &call(0, "echo")),
        rpc(&client, &json!([call(1, "echo"), call(2, "fail"), { "jsonrpc": "2.0", "method": "echo" }])),
        rpc(&client, &json!({ "jsonrpc": "2.0", "method": "echo", "params": [1] })),
        rpc(&client, &call(3, "fail")),
        rpc(&client, &json!([call(4, "echo")])),
    ];
    let answered = gathered(&envoy, &service, requests).await?;
    let [_, array, notification, failed, single] = answered.as_slice() else { anyhow::bail!("{answered:?}") };
    let (array, single) = (body(array), body(single));
    assert_eq!((&array[0]["id"], &array[0]["result"]), (&json!(1), &json!([1])));
    assert_eq!((&array[1]["id"], &array[1]["error"]["code"]), (&json!(2), &json!(-32001)));
    assert_eq!(array.as_array().map(Vec::len), Some(2), "{array}");
    assert_eq!((notification.status.as_u16(), notification.text().as_str()), (204, ""));
    assert_eq!((failed.status.as_u16(), &body(failed)["error"]["code"]), (200, &json!(-32001)));
    assert_eq!(single, json!([{ "jsonrpc": "2.0", "id": 4, "result": [4] }]));
    assert_eq!(sizes(&service), [(1, 1), (6, 1)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn embeddings_are_joined_and_their_use_is_shared_out() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy = start_batching(&service, 1, &patient_section(Protocol::Embeddings, &json!({}))).await?;
    let client = envoy.client("ingress").await?;
    let embed = |input: Value| {
        let body = json!({ "model": "m", "input": input }).to_string();
        client.post("/v1/embeddings", body).header("content-type", "application/json")
    };
    let inputs = [json!("zero"), json!("one"), json!(["two", "three"]), json!("four")];
    let mut alone = Vec::new();
    for input in &inputs {
        alone.push(body(&embed(input.clone()).send().await?));
    }
    service.forget();
    let together =
        gathered(&envoy, &service, inputs.iter().map(|input| embed(input.clone())).collect()).await?;
    for (alone, together) in alone.iter().zip(&together) {
        let together = body(together);
        assert_eq!(alone["data"], together["data"]);
        assert_eq!(alone["model"], together["model"]);
        assert!(together["usage"]["total_tokens"].is_u64(), "{together}");
    }
    assert_eq!(sizes(&service), [(1, 1), (4, 1)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn items_of_arrays_and_objects_by_id_come_back_to_those_who_asked() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let routes = [
        ("all", "/predict", patient_section(Protocol::JsonArray, &json!({}))),
        ("items", "/items", {
            let mut section = patient_section(Protocol::IdList, &json!({}));
            section["protocol"]["id_list"]["single"] = json!(true);
            section
        }),
    ];
    let envoy = Envoy::start(batch_alone_routes(&service, &routes).concurrency(1)).await?;
    let client = envoy.client("ingress").await?;
    let predict = |numbers: &[u64]| {
        let body = json!({ "instances": numbers }).to_string();
        client.post("/predict", body).header("content-type", "application/json")
    };
    let alone = body(&predict(&[5, 6]).send().await?);
    service.forget();
    let answered =
        gathered(&envoy, &service, vec![predict(&[1]), predict(&[2, 3]), predict(&[5, 6])]).await?;
    assert_eq!(body(&answered[2]), alone);
    assert_eq!(sizes(&service), [(1, 1), (4, 1)]);

    service.forget();
    service.hold_next(1);
    let first = tokio::spawn(client.get("/items?ids=1").send());
    until_busy(&envoy, &service, 1).await?;
    let paths = ["/items?ids=3,2", "/items/2", "/items/10", "/items?ids=10,7"];
    let rest = together(4, |number| client.get(paths[number]));
    until_active(&envoy, 5).await?;
    service.release();
    answers(&envoy, vec![first]).await?;
    let rest = answers(&envoy, rest).await?;
    let ids = |answer: &Response| -> Vec<Value> {
        let body = body(answer);
        body["items"].as_array().into_iter().flatten().map(|item| item["id"].clone()).collect()
    };
    assert_eq!(ids(&rest[0]), [json!(3), json!(2)], "in its own order");
    assert_eq!((rest[1].status.as_u16(), &body(&rest[1])["id"]), (200, &json!(2)));
    assert_eq!(rest[2].status, 404, "it is not there: {}", rest[2].text());
    assert_eq!(ids(&rest[3]), [json!(7)]);
    assert_eq!(sizes(&service), [(1, 1), (4, 1)], "each id once");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_different_principals_share_no_call() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy = start_batching(&service, 1, &patient_section(Protocol::JsonRpc, &json!({}))).await?;
    let client = envoy.client("ingress").await?;
    let credentials = [
        ("authorization", "Bearer a"),
        ("authorization", "Bearer b"),
        ("cookie", "session=a"),
        ("x-api-key", "a"),
    ];
    // One of each is under way; the others wait for theirs.
    service.hold_next(4);
    let mut asked = Vec::new();
    for round in 0..3 {
        for (name, value) in credentials {
            asked.push(tokio::spawn(add(&client, &json!(round), round).header(name, value).send()));
        }
        if round == 0 {
            until_busy(&envoy, &service, 4).await?;
        }
    }
    until_gathered(&envoy, 12).await?;
    service.release();
    let answered = answers(&envoy, asked).await?;
    assert!(answered.iter().all(|answer| answer.status == 200));
    assert_eq!(sizes(&service), [(1, 4), (2, 4)]);
    for (name, value) in credentials {
        let calls = service.calls();
        let theirs = calls.iter().filter(|call| call.items == 2 && call.request.header(name) == Some(value));
        assert_eq!(theirs.count(), 1, "{name}: {value}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_filters_together_serve_what_is_batched() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let document = batching(&service, &patient_section(Protocol::JsonRpc, &json!({})));
    let bootstrap = Bootstrap::shipped().endpoints("checkout", &[service.address()]).document(&document);
    let envoy = Envoy::start(bootstrap.concurrency(1)).await?;
    let client = envoy.client("ingress").await?;
    let requests = (0..20).map(|number| add(&client, &json!(number), number)).collect();
    let answered = gathered(&envoy, &service, requests).await?;
    for (answer, number) in answered.iter().zip(0..) {
        assert_eq!(body(answer)["result"]["sum"], json!(number + 1));
    }
    assert_eq!(sizes(&service), [(1, 1), (19, 1)]);
    let batch = &service.calls()[1];
    assert_eq!(batch.request.header("x-gateway-destination-endpoint"), None, "it ends at the endpoint");
    Ok(())
}
