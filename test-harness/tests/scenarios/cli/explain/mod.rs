//! What `switchyard explain` says of a request is what Envoy answers in `x-switchyard-explain`: random documents, random requests.
//!
//! Endpoints of the documents are made up: Envoy's cluster does not have them and goes elsewhere, which changes no decision.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod drawn;

use drawn::{document, request};
use std::collections::BTreeMap;
use switchyard_cli::decision::{Decider, Drawn, Explanation, Prepared, Request as Asked};
use switchyard_test_harness::envoy::set_document_text;
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

const DOCUMENTS: u64 = 20;
const REQUESTS: u64 = 50;

/// How much of two decisions can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Compared {
    /// No route is for the request, in both.
    None,
    /// The route; the upstream is drawn.
    Route,
    /// Route, upstream and policy; the hash is of a cookie that is made.
    Policy,
    /// All but the order of the endpoints.
    Hash,
    /// All of the text.
    Text,
}

/// One Envoy with a listener for each of the documents.
async fn start(upstreams: &Upstreams, documents: &[serde_json::Value]) -> anyhow::Result<Envoy> {
    let bootstrap = steered(upstreams, &documents[0]).edit(|bootstrap| {
        let listeners = bootstrap["static_resources"]["listeners"].as_array_mut();
        let listeners = listeners.expect("a list of listeners");
        let ingress =
            listeners.iter().find(|one| one["name"] == "ingress").cloned().expect("the shipped listener");
        for (number, document) in documents.iter().enumerate() {
            let mut listener = ingress.clone();
            listener["name"] = name(number).into();
            set_document_text(&mut listener, &document.to_string());
            listeners.push(listener);
        }
    });
    Envoy::start(bootstrap).await
}

fn name(number: usize) -> String {
    format!("document-{number}")
}

/// Sends a request as it is described.
async fn send(client: &Client, asked: &Asked) -> anyhow::Result<String> {
    let mut request = client.request(asked.header(":method").parse()?, asked.header(":path"));
    for (name, value) in asked.head() {
        request = match name.as_str() {
            ":authority" => request.header("host", value),
            _ if name.starts_with(':') => request,
            _ => request.header(&name, value),
        };
    }
    let answer = request.send().await?;
    anyhow::ensure!(answer.status == 200, "{answer:?}");
    Ok(answer.header("x-switchyard-explain").to_owned())
}

/// Compares as much as is not drawn.
fn compare(document: &Prepared, asked: &Asked, said: Option<&Explanation>, real: &str) -> Compared {
    let what = || format!("{asked:?}\nunder {}", document.tree());
    let Some(said) = said else {
        assert_eq!(real, "", "{}", what());
        return Compared::None;
    };
    let real = Explanation::parse(real);
    let drawn = Drawn::of_names(document.document(), (&real.route, &real.upstream), asked);
    let drawn = drawn.unwrap_or_else(|| panic!("{real:?}\n{}", what()));
    assert_eq!(said.route, real.route, "{}", what());
    if drawn.upstream {
        return Compared::Route;
    }
    assert_eq!((&said.upstream, &said.policy), (&real.upstream, &real.policy), "{}", what());
    if drawn.hash {
        return Compared::Policy;
    }
    assert_eq!(said.hash, real.hash, "{}", what());
    assert_eq!(said.candidates.len(), real.candidates.len(), "{}", what());
    if drawn.candidates {
        return Compared::Hash;
    }
    assert_eq!(said.text, real.text, "{}", what());
    Compared::Text
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_of_a_thousand_requests_what_envoy_does() -> Outcome {
    let mut random = fastrand::Rng::with_seed(16);
    let documents: Vec<_> = (0..DOCUMENTS).map(|_| document(&mut random)).collect();
    let prepared: Vec<_> =
        documents.iter().map(|tree| Prepared::of_tree(tree, &[])).collect::<anyhow::Result<_>>()?;
    let upstreams = Upstreams::start(1).await?;
    let envoy = start(&upstreams, &documents).await?;
    let mut compared: BTreeMap<Compared, u64> = BTreeMap::new();
    for (number, document) in prepared.iter().enumerate() {
        let decider = Decider::new(document, random.u64(..))?;
        let client = envoy.client(&name(number)).await?;
        for _ in 0..REQUESTS {
            let asked = request(&mut random);
            let real = send(&client, &asked).await?;
            let said = decider.decide(&asked).explanation;
            *compared.entry(compare(document, &asked, said.as_ref(), &real)).or_default() += 1;
        }
    }
    println!("compared: {compared:?}");
    let of = |kind| compared.get(&kind).copied().unwrap_or_default();
    assert!(of(Compared::Text) > 300, "{compared:?}");
    for kind in [Compared::Route, Compared::Policy, Compared::Hash] {
        assert!(of(kind) > 10, "{compared:?}");
    }
    Ok(())
}
