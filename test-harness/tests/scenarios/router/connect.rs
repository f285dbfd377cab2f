//! CONNECT: what docs/routes.md says of it, on the routes that it shows.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

type Outcome = anyhow::Result<()>;

/// The page, whose routes for CONNECT are between these marks.
const PAGE: &str = include_str!("../../../../docs/routes.md");

/// The routes that the page shows, and the word that the connection manager needs.
fn shown() -> anyhow::Result<Value> {
    let block = PAGE.split("```yaml\n").find(|block| block.contains("connect_matcher"));
    let text = block.and_then(|block| block.split("```").next());
    Ok(serde_saphyr::from_str(text.unwrap_or_default())?)
}

/// What comes back on a connection on which this is written, up to `end`.
async fn until(stream: &mut TcpStream, written: &str, end: &str) -> anyhow::Result<String> {
    stream.write_all(written.as_bytes()).await?;
    let mut read = String::new();
    while !read.contains(end) {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await?;
        anyhow::ensure!(length > 0, "closed after {read:?}");
        read.push_str(&String::from_utf8_lossy(piece.get(..length).unwrap_or_default()));
    }
    Ok(read)
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_goes_where_its_own_routes_lead() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let document = json!({
        "default_cluster": "checkout",
        "upstreams": [
            { "name": "web", "cluster": "checkout", "endpoints": [endpoint(&upstreams[0].address())] },
            { "name": "tunnels", "cluster": "checkout-canary", "endpoints": [endpoint(&upstreams[1].address())] },
        ],
        "routes": [
            { "match": { "path_prefix": "/" }, "upstream": "web" },
            { "match": { "methods": ["CONNECT"], "hosts": ["db.test"] }, "upstream": "tunnels" },
        ],
    });
    let shown = shown()?;
    let edit = |bootstrap: &mut Value| {
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        let manager = bootstrap.pointer_mut(manager).expect("a manager");
        manager["upgrade_configs"] = shown["upgrade_configs"].clone();
        let routes = manager["route_config"]["virtual_hosts"][0]["routes"].as_array_mut().expect("routes");
        for route in shown["routes"].as_array().expect("routes").iter().rev() {
            routes.insert(0, route.clone());
        }
    };
    let bootstrap = steered(&upstreams, &document).only(&["router"]);
    let bootstrap = bootstrap.endpoints("checkout-canary", &[upstreams[1].address()]).edit(edit);
    let envoy = Envoy::start(bootstrap.concurrency(1)).await?;
    let address = envoy.listener_address("ingress").await?;
    assert_eq!(Client::to(address).get("/").send().await?.upstream(), upstreams[0].name());

    let mut stream = TcpStream::connect(address).await?;
    let opened = "CONNECT DB.test:5432 HTTP/1.1\r\nhost: DB.test:5432\r\n\r\n";
    let head = until(&mut stream, opened, "\r\n\r\n").await?;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    // Behind it the client speaks to the endpoint itself.
    let inside = "GET /inside HTTP/1.1\r\nhost: inside\r\n\r\n";
    let answer = until(&mut stream, inside, "/inside").await?;
    assert!(answer.contains(upstreams[1].name()), "{answer}");
    assert_eq!((upstreams[0].count(), upstreams[1].count()), (1, 1));

    // A prefix is none of CONNECT, which has no path; and what no route of ours is for goes as Envoy's own say.
    let mut other = TcpStream::connect(address).await?;
    let refused =
        until(&mut other, "CONNECT web.test:80 HTTP/1.1\r\nhost: web.test:80\r\n\r\n", "\r\n\r\n").await?;
    assert!(refused.starts_with("HTTP/1.1 404"), "{refused}");
    envoy.wait_for_stat("wasmcustom.switchyard.unmatched_total", |count| count == 1).await?;
    Ok(())
}
