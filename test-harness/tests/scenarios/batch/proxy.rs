//! Scope proxy: requests of all workers gather on one. And a worker's VM dies: what becomes of those who wait in it, of those who wait
//! for it, and of those who come after.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use switchyard_test_harness::services::{Cost, Protocol, Service};
use tokio::task::JoinHandle;

type Outcome = anyhow::Result<()>;
type Asked = JoinHandle<anyhow::Result<Response>>;

fn echo(client: &Client, number: u64) -> Request {
    let call = json!({ "jsonrpc": "2.0", "id": number, "method": "echo", "params": [number] });
    client.post("/rpc", call.to_string()).header("content-type", "application/json")
}

fn ask(client: &Client, number: u64) -> Asked {
    tokio::spawn(echo(client, number).send())
}

fn proxy(settings: &Value) -> Value {
    let mut section = patient_section(Protocol::JsonRpc, settings);
    if let Some(section) = section.as_object_mut() {
        section.insert("scope".to_owned(), json!("proxy"));
    }
    section
}

fn is_right(answer: &Response, number: u64) -> Outcome {
    let body: Value = serde_json::from_str(&answer.text())?;
    assert_eq!(body, json!({ "jsonrpc": "2.0", "id": number, "result": [number] }), "{answer:?}");
    Ok(())
}

fn sizes(service: &Service) -> Vec<(usize, u64)> {
    service.sizes().into_iter().collect()
}

async fn clients(envoy: &Envoy, service: &Service) -> anyhow::Result<Vec<Client>> {
    let clients = clients_by_worker(envoy, 2, |_, _| "/items/1".to_owned()).await?;
    service.forget();
    Ok(clients)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_two_workers_share_one_call_and_each_gets_its_answer() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy = start_batching(&service, 2, &proxy(&json!({}))).await?;
    let clients = clients(&envoy, &service).await?;
    // Whichever worker is first gathers for both, and goes on to.
    for first in [0, 1, 0] {
        until_gathered(&envoy, 0).await?;
        service.forget();
        service.hold_next(1);
        let mut asked = vec![ask(&clients[first], 0)];
        until_busy(&envoy, &service, 1).await?;
        asked.extend((1..13).map(|number| ask(&clients[number as usize % 2], number)));
        until_active(&envoy, 13).await?;
        // Requests of the other worker are known in both.
        until_gathered_by_two(&envoy, 13).await?;
        service.release();
        for (answer, number) in answers(&envoy, asked).await?.iter().zip(0..) {
            is_right(answer, number)?;
        }
        assert_eq!(sizes(&service), [(1, 1), (12, 1)], "first: worker {first}");
    }
    Ok(())
}

/// Waits until so many requests are held, by the worker that gathers; the other one counts its own a second time.
async fn until_gathered_by_two(envoy: &Envoy, requests: u64) -> Outcome {
    let name = batch_stat("batch_active", &[]);
    envoy
        .until("requests gathered", async || {
            let active = envoy.stats().await?.get(&name).copied().unwrap_or(0);
            Ok((active >= requests + requests / 2).then_some(()))
        })
        .await
}

/// Envoy with two workers, the batch filter that traps on `x-trap`, and an idle timeout of so many seconds.
async fn start_trapping(service: &Service, section: &Value, idle_seconds: u32) -> anyhow::Result<Envoy> {
    let idle = |bootstrap: &mut Value| {
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        let Some(manager) = bootstrap.pointer_mut(manager) else { return };
        if let Some(manager) = manager.as_object_mut() {
            manager.insert("stream_idle_timeout".to_owned(), json!(format!("{idle_seconds}s")));
        }
    };
    Envoy::start(batch_alone(service, section).trapping("batch").edit(idle).concurrency(2)).await
}

async fn trap(client: &Client) -> Outcome {
    let trapped = client.get("/items/1").header("x-trap", "1").send().await?;
    assert!(trapped.status.is_server_error(), "{trapped:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_worker_that_dies_goes_on_alone_and_who_waits_in_it_is_ended_by_envoy() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy = start_trapping(&service, &proxy(&json!({})), 5).await?;
    let clients = clients(&envoy, &service).await?;
    service.hold_next(1);
    let first = ask(&clients[0], 0);
    until_busy(&envoy, &service, 1).await?;
    let inside: Vec<_> = (1..4).map(|number| ask(&clients[0], number)).collect();
    let outside: Vec<_> = (4..8).map(|number| ask(&clients[1], number)).collect();
    until_active(&envoy, 8).await?;
    until_gathered_by_two(&envoy, 8).await?;
    trap(&clients[0]).await?;
    for (answer, number) in answers(&envoy, outside).await?.iter().zip(4..) {
        is_right(answer, number)?;
    }
    service.release();
    let failed = answers(&envoy, vec![first]).await?;
    assert!(failed[0].status.is_server_error(), "its VM is gone: {failed:?}");
    // No filter can end these: their VM is gone, and the new one does not know them.
    let ended = answers(&envoy, inside).await?;
    assert!(ended.iter().all(|answer| answer.status.is_server_error()), "{ended:?}");
    // The new VM serves, and gathers with the other worker.
    let served = async || Ok((echo(&clients[0], 9).send().await?.status == 200).then_some(()));
    envoy.until("a new VM", served).await?;
    for first in [0, 1] {
        let answered = async || {
            service.forget();
            service.hold_next(1);
            let mut asked = vec![ask(&clients[first], 0)];
            until_busy(&envoy, &service, 1).await?;
            asked.extend((1..5).map(|number| ask(&clients[number as usize % 2], number)));
            until_active(&envoy, 5).await?;
            service.release();
            for (answer, number) in answers(&envoy, asked).await?.iter().zip(0..) {
                is_right(answer, number)?;
            }
            // Once the claim of the epoch before is over.
            Ok((service.most_items() == 4).then_some(()))
        };
        envoy.until("batches of both workers", answered).await?;
    }
    // What the VM had added that died has been taken off.
    for gauge in ["batch_active", "batch_bytes_held"] {
        envoy.wait_for_stat(&batch_stat(gauge, &[]), |now| now == 0).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_gathers_answers_its_own_when_those_of_another_die() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy = start_trapping(&service, &proxy(&json!({})), 60).await?;
    let clients = clients(&envoy, &service).await?;
    service.hold_next(1);
    let mut asked = vec![ask(&clients[1], 0)];
    until_busy(&envoy, &service, 1).await?;
    asked.extend((1..3).map(|number| ask(&clients[1], number)));
    let inside: Vec<_> = (3..6).map(|number| ask(&clients[0], number)).collect();
    until_active(&envoy, 6).await?;
    until_gathered_by_two(&envoy, 6).await?;
    trap(&clients[0]).await?;
    service.release();
    for (answer, number) in answers(&envoy, asked).await?.iter().zip(0..) {
        is_right(answer, number)?;
    }
    inside.iter().for_each(JoinHandle::abort);
    envoy.wait_for_stat("http.ingress.downstream_rq_active", |active| active == 0).await?;
    Ok(())
}
