//! Which route a request is of: hosts, paths as Envoy settles them, queries.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// An Envoy whose routes are these conditions, each to an upstream of its own, and a client of each protocol.
async fn start(conditions: &[Value]) -> anyhow::Result<(Envoy, Upstreams, [Client; 2])> {
    let upstreams = Upstreams::start(conditions.len()).await?;
    let name = |index: usize| format!("u{index}");
    let one = |(index, address)| json!({ "name": name(index), "cluster": "checkout", "endpoints": [endpoint(address)] });
    let route = |(index, condition): (usize, &Value)| json!({ "match": condition, "upstream": name(index) });
    let document = json!({
        "default_cluster": "checkout",
        "upstreams": upstreams.addresses().iter().enumerate().map(one).collect::<Vec<_>>(),
        "routes": conditions.iter().enumerate().map(route).collect::<Vec<_>>(),
    });
    let envoy = Envoy::start(steered(&upstreams, &document).only(&["router"]).concurrency(1)).await?;
    let address = envoy.listener_address("ingress").await?;
    Ok((envoy, upstreams, [Client::to(address), Client::http2(address)]))
}

/// Each of these gets to the upstream of this number, over either protocol.
async fn go(upstreams: &Upstreams, clients: &[Client; 2], host: &str, expected: &[(&str, usize)]) -> Outcome {
    for client in clients {
        for (path, route) in expected {
            let answer = client.get(path).header("host", host).send().await?;
            assert_eq!(
                (answer.status.as_u16(), answer.upstream()),
                (200, upstreams.get(*route).map_or("", Upstream::name)),
                "{host}{path}"
            );
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_host_wins_in_whatever_letters_and_at_whatever_port() -> Outcome {
    let (_envoy, upstreams, clients) = start(&[
        json!({ "path_prefix": "/" }),
        json!({ "hosts": ["shop.*"], "path_prefix": "/" }),
        json!({ "hosts": ["*.example.com"], "path_prefix": "/" }),
        json!({ "hosts": ["*.shop.example.com"], "path_prefix": "/" }),
        json!({ "hosts": ["Shop.example.com", "store.test"], "path_prefix": "/cart" }),
    ])
    .await?;
    for host in ["shop.example.com", "SHOP.Example.COM:8443", "shop.example.com:80", "shop.example.com."] {
        // What its own routes do not have, the next nearest host's do.
        go(&upstreams, &clients, host, &[("/cart", 4), ("/cart/1", 4), ("/carts", 2), ("/", 2)]).await?;
    }
    go(&upstreams, &clients, "Store.Test:1", &[("/cart", 4), ("/", 0)]).await?;
    go(&upstreams, &clients, "a.SHOP.example.com", &[("/cart", 3)]).await?;
    go(&upstreams, &clients, "www.example.com:8080", &[("/cart", 2)]).await?;
    go(&upstreams, &clients, "shop.example.org", &[("/cart", 1)]).await?;
    for host in ["example.com", "evilexample.com", "shops.example.org", "[::1]:80"] {
        go(&upstreams, &clients, host, &[("/cart", 0)]).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_is_of_whole_segments_of_the_path_that_envoy_has_settled() -> Outcome {
    let (_envoy, upstreams, clients) = start(&[
        json!({ "path_prefix": "/admin" }),
        json!({ "path_prefix": "/Docs", "ignore_case": true }),
        json!({ "path": "/v1", "query": [{ "name": "version", "exact": "2" }] }),
        json!({ "query": [{ "name": "debug", "present": true }], "methods": ["GET"] }),
        json!({}),
    ])
    .await?;
    let expected = [
        ("/admin", 0),
        ("/admin/", 0),
        ("/admin/users?debug", 0),
        ("/administrator", 4),
        ("/admin-old", 4),
        ("/Admin", 4),
        ("//admin", 0),
        ("/a/../admin", 0),
        ("/./admin//users", 0),
        ("/admin/../public", 4),
        ("/dOCs/a", 1),
        ("/docset", 4),
        ("/v1?version=2", 2),
        ("/v1?a=b&version=2&version=3", 2),
        ("/v1?version=3&version=2", 4),
        ("/v1?version=%32", 4),
        ("/v1?Version=2", 4),
        ("/v1/?version=2", 4),
        ("/v1?version=2x&debug", 3),
        ("/?debug=", 3),
        ("/?debugged", 4),
    ];
    go(&upstreams, &clients, "shop.test", &expected).await?;
    // A slash in disguise is no way round a prefix.
    for client in &clients {
        for (path, settled) in [("/admin%2Fusers", "/admin/users"), ("/a%2f..%2Fadmin", "/admin")] {
            let answer = client.get(path).send().await?;
            assert_eq!((answer.status.as_u16(), answer.header("location")), (307, settled), "{path}");
        }
    }
    let seen: Vec<_> = upstreams.iter().flat_map(|one| one.requests()).map(|request| request.path).collect();
    assert!(seen.iter().all(|path| !path.contains("//") && !path.contains("..")), "{seen:?}");
    Ok(())
}
