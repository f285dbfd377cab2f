//! The bootstraps that `render envoy` and `render ecds` make run as they are, but for addresses and the folders of files.

use super::{Outcome, doctor, modules, shipped};
use serde_json::{Value, json};
use std::path::Path;
use switchyard_cli::render::site::Site;
use switchyard_cli::render::{Platform, Rendered, render};
use switchyard_cli::source::File;
use switchyard_test_harness::prelude::*;

/// The document of both examples for platforms, for an Envoy by itself.
fn document() -> anyhow::Result<File> {
    let text = std::fs::read_to_string(shipped("istio/document.yaml"))?;
    let text = text.replace("outbound|8080||cart.shop.svc.cluster.local", "cart");
    let text = text.replace("outbound|8080||catalogue.shop.svc.cluster.local", "catalogue");
    Ok(File::parse("document.yaml", &text)?)
}

fn site(mesh: &Mesh, folder: &Path) -> anyhow::Result<Site> {
    let all = mesh.upstreams.addresses();
    let site = json!({
        "clusters": [{ "name": "cart", "endpoints": &all[..3] }, { "name": "catalogue", "endpoints": &all[3..] }],
        "modules": { "folder": modules().canonicalize()? },
        "ecds": { "folder": folder },
    });
    Site::from_value(&site).map_err(|problems| anyhow::anyhow!("{}", problems.join("\n")))
}

use super::mesh::Mesh;

fn bootstrap(rendered: &Rendered) -> anyhow::Result<Bootstrap> {
    let bootstrap = Bootstrap::from_yaml(&rendered.files[0].text)?.modules(Modules::Chain).concurrency(2);
    let bootstrap =
        bootstrap.admin_cluster("prometheus_stats").live_endpoints("cart").live_endpoints("catalogue");
    // Envoy's own route leads to cart, and below /catalogue to the other, as in the platforms' examples.
    let route = json!({ "match": { "prefix": "/catalogue" }, "route": { "cluster": "catalogue" } });
    Ok(bootstrap.edit(|value: &mut Value| {
        let routes = value.pointer_mut("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes");
        routes.and_then(Value::as_array_mut).expect("routes").insert(1, route);
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_static_bootstrap_carries_traffic() -> Outcome {
    let mesh = Mesh::start("cart", "catalogue").await?;
    let rendered = render(Platform::Envoy, &document()?, &site(&mesh, Path::new("/none"))?)?;
    assert_eq!(rendered.files.len(), 1);
    let envoy = Envoy::start(bootstrap(&rendered)?).await?;
    doctor::finds_no_cross(&envoy).await?;
    mesh.carries(&envoy).await
}

/// A document is replaced by replacing its file; the listener stays, and so do its connections.
#[tokio::test(flavor = "multi_thread")]
async fn the_bootstrap_with_files_carries_traffic_and_takes_another_document() -> Outcome {
    let (mesh, folder) = (Mesh::start("cart", "catalogue").await?, tempfile::TempDir::new()?);
    let site = site(&mesh, folder.path())?;
    let rendered = render(Platform::Ecds, &document()?, &site)?;
    for file in &rendered.files[1..] {
        std::fs::write(folder.path().join(&file.name), &file.text)?;
    }
    let envoy = Envoy::start(bootstrap(&rendered)?).await?;
    doctor::finds_no_cross(&envoy).await?;
    mesh.carries(&envoy).await?;

    let mut other = document()?;
    other.trees[0]["explain"] = json!(true);
    let rendered = render(Platform::Ecds, &other, &site)?;
    let aside = folder.path().join("next");
    std::fs::write(&aside, &rendered.files[1].text)?;
    std::fs::rename(&aside, folder.path().join(&rendered.files[1].name))?;
    let client = envoy.client("ingress").await?;
    envoy
        .until("answers to explain themselves", async || {
            let answer = client.get("/").send().await?;
            assert_eq!(answer.status, 200);
            Ok((!answer.header("x-switchyard-explain").is_empty()).then_some(()))
        })
        .await
}
