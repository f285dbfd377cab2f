//! How calls go wrong.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

use super::{MS, Outcome, document, start};

#[tokio::test]
async fn faults_strike_the_calls_they_are_meant_for_and_are_told_for_each_item() -> Outcome {
    let (service, client) = start().await?;
    let list = || client.get("/items?ids=p0-1,p0-2,p0-3").header("x-correlation-id", "7").send();
    let statuses = async |fault| {
        service.fails_next(1, fault, Victims::Batches);
        let single = client.get("/items/p0-9").send().await?;
        assert_eq!(single.status, 200, "{fault:?}");
        anyhow::Ok(list().await)
    };
    assert_eq!(statuses(Fault::Unavailable).await??.status, 503);
    assert!(statuses(Fault::Reset).await?.is_err());
    assert!(statuses(Fault::Truncate).await?.is_err());
    assert!(statuses(Fault::Garbage).await??.text().contains("html"));
    assert_eq!(statuses(Fault::Gzip).await??.header("content-encoding"), "gzip");
    let right = document(&list().await?);
    let ids = |answer: &Value| {
        answer["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()).collect::<Vec<_>>()
    };
    let reordered = document(&statuses(Fault::Reorder).await??);
    assert!(ids(&reordered) != ids(&right) && ids(&reordered).len() == 3);
    assert_eq!(ids(&document(&statuses(Fault::Duplicate).await??)).len(), 4);
    assert!(ids(&document(&statuses(Fault::Extra).await??)).contains(&"\"nobody\"".to_owned()));
    assert_eq!(ids(&document(&statuses(Fault::Drop).await??)).len(), 2);
    // All but the last were the matter of every item, and that of one of them.
    let told: Vec<_> = ["p0-1", "p0-2", "p0-3"].iter().map(|tag| service.mishaps(tag).len()).collect();
    assert_eq!((told.iter().min(), told.iter().sum::<usize>()), (Some(&8), 25));
    assert!(service.mishaps("p0-9").is_empty());
    assert_eq!(service.mishaps("p0-1")[0].question, Some(7));
    service.fails_next(1, Fault::Hang, Victims::All);
    assert!(tokio::time::timeout(MS * 50, client.get("/items/1").send()).await.is_err());
    assert_eq!(service.faults().values().sum::<u64>(), 10);
    Ok(())
}

#[tokio::test]
async fn one_bad_call_of_a_batch_is_answered_by_an_error_with_its_id() -> Outcome {
    let (service, client) = start().await?;
    let call =
        |id: u64| json!({ "jsonrpc": "2.0", "id": id, "method": "echo", "params": [format!("p0#{id}")] });
    let batch = Value::from_iter((0..4).map(call)).to_string();
    service.fails_next(1, Fault::BadItem, Victims::All);
    let answers = document(&client.post("/rpc", batch.clone()).send().await?);
    let bad: Vec<_> =
        answers.as_array().unwrap().iter().filter(|answer| answer.get("error").is_some()).collect();
    assert_eq!(bad.len(), 1);
    let tag = format!("p0#{}", bad[0]["id"]);
    assert_eq!(service.mishaps(&tag).len(), 1);
    assert_eq!((0..4).map(|id| service.mishaps(&format!("p0#{id}")).len()).sum::<usize>(), 1);
    Ok(())
}

#[tokio::test]
async fn a_share_of_faults_is_the_same_for_a_seed_and_about_as_large_as_asked() -> Outcome {
    let statuses = async |seed| {
        let (service, client) = start().await?;
        let percent = vec![(Fault::Unavailable, 5.0), (Fault::Garbage, 5.0)];
        service.fails(Some(Faults { percent, victims: Victims::All, seed }));
        let mut lengths = Vec::new();
        for _ in 0..500 {
            let answer = client.get("/items/1").send().await?;
            lengths.push((answer.status.as_u16(), answer.body.len()));
        }
        let struck: u64 = service.faults().values().sum();
        assert!((25..80).contains(&struck), "{:?}", service.faults());
        anyhow::Ok(lengths)
    };
    assert_eq!(statuses(1).await?, statuses(1).await?);
    assert_ne!(statuses(1).await?, statuses(2).await?);
    Ok(())
}

#[tokio::test]
async fn a_poisonous_item_fails_its_whole_call() -> Outcome {
    let (service, client) = start().await?;
    let list = client.get("/items?ids=p0-1,p0-2poison").send().await?;
    assert_eq!(list.status, 500);
    assert_eq!(service.mishaps("p0-1")[0].fault, Fault::Poison);
    let call = |word: &str| json!({ "jsonrpc": "2.0", "id": 1, "method": "echo", "params": [word] });
    let batch = json!([call("fine"), call("poison")]).to_string();
    assert_eq!(client.post("/rpc", batch).send().await?.status, 500);
    let input = json!({ "model": "m", "input": ["fine", "poison"] }).to_string();
    assert_eq!(client.post("/v1/embeddings", input).send().await?.status, 400);
    Ok(())
}
