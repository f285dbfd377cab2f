//! What of a request is its key: who cannot choose it, and what counts as nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

/// A ring of four endpoints over this part of a request.
async fn start(part: &Value, edit: impl FnOnce(&mut Value)) -> anyhow::Result<(Envoy, Upstreams, Client)> {
    let upstreams = Upstreams::start(4).await?;
    let balance = json!({ "policy": "ring_hash", "hash_on": [part], "no_hash": "round_robin" });
    let bootstrap = steered(&upstreams, &balanced(&upstreams, &balance)).only(&["router"]).edit(edit);
    let envoy = Envoy::start(bootstrap.concurrency(1)).await?;
    let client = envoy.client("ingress").await?;
    Ok((envoy, upstreams, client))
}

/// Who answered these requests.
async fn homes(requests: impl IntoIterator<Item = Request>) -> anyhow::Result<BTreeSet<String>> {
    let mut homes = BTreeSet::new();
    for request in requests {
        let answer = request.send().await?;
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        homes.insert(answer.upstream().to_owned());
    }
    Ok(homes)
}

fn forged(client: &Client) -> impl Iterator<Item = Request> + '_ {
    (1..=16).map(|number| client.get("/").header("x-forwarded-for", format!("203.0.113.{number}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_does_not_choose_its_address() -> Outcome {
    let by_address = json!({ "source_ip": true });
    let (_envoy, _upstreams, client) = start(&by_address, |_| {}).await?;
    let home = homes([client.get("/")]).await?;
    assert_eq!(homes(forged(&client)).await?, home, "whatever it says of itself");
    // Behind a proxy that is trusted the same header says who asks.
    let trusting = |bootstrap: &mut Value| {
        bootstrap.pointer_mut(MANAGER).expect("a manager")["xff_num_trusted_hops"] = json!(1);
    };
    let (_envoy, _upstreams, client) = start(&by_address, trusting).await?;
    assert!(homes(forged(&client)).await?.len() > 1, "sixteen users");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_has_one_home_however_it_is_written() -> Outcome {
    let (envoy, _upstreams, client) = start(&json!({ "header": ":authority" }), |_| {}).await?;
    let second = Client::http2(envoy.listener_address("ingress").await?);
    let mut all = BTreeSet::new();
    for number in 0..12 {
        let spellings = ["shop{}.test", "SHOP{}.test", "shop{}.Test:8443", "shop{}.test:80", "shop{}.test."];
        let asked = spellings.iter().flat_map(|spelling| {
            let host = spelling.replace("{}", &number.to_string());
            [client.get("/").header("host", &host), second.get("/").header("host", &host)]
        });
        let home = homes(asked).await?;
        assert_eq!(home.len(), 1, "shop{number}");
        all.extend(home);
    }
    assert!(all.len() > 1, "hosts are spread");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_value_is_no_key_that_all_share() -> Outcome {
    let no_hash = "wasmcustom.switchyard.upstream=.=checkout;.;reason=.=no_hash;.;fallbacks_total";
    type Ask = fn(&Client) -> Request;
    let cases: [(Value, Ask); 3] = [
        (json!({ "header": "x-user" }), |client| client.get("/").header("x-user", "")),
        (json!({ "query_parameter": "user" }), |client| client.get("/?user=&b=1")),
        (json!({ "cookie": { "name": "user" } }), |client| client.get("/").header("cookie", "user=; b=1")),
    ];
    for (part, ask) in cases {
        let (envoy, _upstreams, client) = start(&part, |_| {}).await?;
        assert_eq!(homes((0..8).map(|_| ask(&client))).await?.len(), 4, "{part}: in turn, not all to one");
        envoy.wait_for_stat(no_hash, |count| count == 8).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_cookie_has_the_attributes_of_its_section() -> Outcome {
    let cookie = json!({ "cookie": {
        "name": "__Secure-sid", "ttl": "1h", "path": "/", "domain": "shop.test", "same_site": "none", "secure": true,
    } });
    let (_envoy, _upstreams, client) = start(&cookie, |_| {}).await?;
    let first = client.get("/").send().await?;
    let given = first.header("set-cookie");
    let attributes = "; Max-Age=3600; Path=/; Domain=shop.test; SameSite=None; Secure; HttpOnly";
    assert!(given.starts_with("__Secure-sid=\"") && given.ends_with(attributes), "{given}");
    let pair = given.split(';').next().unwrap_or_default();
    let home = homes((0..5).map(|_| client.get("/").header("cookie", pair))).await?;
    assert_eq!(home, BTreeSet::from([first.upstream().to_owned()]));
    Ok(())
}
