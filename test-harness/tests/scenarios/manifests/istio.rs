//! What Istio makes of an EnvoyFilter, and traffic through it.

use super::merge::{merge, merge_packed};
use super::mesh::Mesh;
use super::shape::{bootstrap, istio_cluster, listener, stats_tags};
use super::{Outcome, doctor, example, modules, trees};
use serde_json::{Value, json};
use std::path::Path;
use switchyard_cli::render::Platform;
use switchyard_cli::render::site::{Protocol, Site};
use switchyard_test_harness::prelude::*;

pub(super) const CART: &str = "outbound|8080||cart.shop.svc.cluster.local";
pub(super) const CATALOGUE: &str = "outbound|8080||catalogue.shop.svc.cluster.local";

/// Puts an EnvoyFilter's patches into a listener and its clusters. What ADS would bring comes from files in the folder; images are
/// the modules that were built, which is what Istio's agent makes of them.
pub(super) fn apply(
    manifest: &Value,
    listener: &mut Value,
    clusters: &mut [Value],
    folder: &Path,
) -> Outcome {
    let patches = manifest["spec"]["configPatches"].as_array().expect("patches");
    for (number, patch) in patches.iter().enumerate() {
        let (mut value, operation) =
            (patch["patch"]["value"].clone(), patch["patch"]["operation"].as_str().expect("one"));
        from_files(&mut value, folder);
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        match (patch["applyTo"].as_str().expect("a kind"), operation) {
            ("EXTENSION_CONFIG", "ADD") => extension(value, folder, number)?,
            ("HTTP_FILTER", "INSERT_BEFORE") => {
                let filters = manager["http_filters"].as_array_mut().expect("filters");
                filters.insert(filters.len() - 1, value);
            }
            ("HTTP_FILTER", "MERGE") => {
                let router = manager["http_filters"]
                    .as_array_mut()
                    .and_then(|filters| filters.last_mut())
                    .expect("the router");
                assert_eq!(router["name"], value["name"]);
                merge_packed(&mut router["typed_config"], &value["typed_config"]);
            }
            ("HTTP_ROUTE", "INSERT_FIRST") => {
                let hosts = manager["route_config"]["virtual_hosts"].as_array_mut().expect("hosts");
                hosts
                    .iter_mut()
                    .for_each(|host| host["routes"].as_array_mut().expect("routes").insert(0, value.clone()));
            }
            ("CLUSTER", "MERGE") => {
                let name = &patch["match"]["cluster"]["name"];
                let cluster = clusters.iter_mut().find(|cluster| cluster["name"] == *name);
                merge(cluster.expect("the cluster"), &value);
            }
            other => anyhow::bail!("{other:?} is not known here"),
        }
    }
    Ok(())
}

fn extension(mut value: Value, folder: &Path, number: usize) -> Outcome {
    let code = &mut value["typed_config"]["config"]["vm_config"]["code"];
    let image = code["remote"]["http_uri"]["uri"].as_str().expect("an image").to_owned();
    let module = if image.contains("outlier") { "outlier.wasm" } else { "switchyard.wasm" };
    *code = json!({ "local": { "filename": modules().join(module) } });
    value["@type"] = json!("type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig");
    let file = folder.join(file_of(value["name"].as_str().expect("a name")));
    assert!(!file.exists(), "{number}: a second resource of that name");
    Ok(std::fs::write(file, json!({ "resources": [value] }).to_string())?)
}

fn file_of(name: &str) -> String {
    format!("{}.json", name.replace('/', "_"))
}

/// What asks Istio for an extension asks a file.
fn from_files(value: &mut Value, folder: &Path) {
    if value.get("config_discovery").is_some() {
        let path = folder.join(file_of(value["name"].as_str().expect("a name")));
        let source = &mut value["config_discovery"]["config_source"];
        assert_eq!(source["ads"], json!({}));
        *source = json!({ "resource_api_version": "V3", "path_config_source": { "path": path, "watched_directory": { "path": folder } } });
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| from_files(item, folder)),
        Value::Object(fields) => fields.values_mut().for_each(|field| from_files(field, folder)),
        _ => {}
    }
}

/// An Envoy of a gateway of Istio's with the shipped EnvoyFilter, whose site is changed like this.
async fn start(
    mesh: &Mesh,
    http2: bool,
    folder: &Path,
    change: impl FnOnce(&mut Site),
) -> anyhow::Result<Envoy> {
    let rendered = example(Platform::Istio, "istio", change)?;
    let manifest = trees(&rendered, "envoyfilter.yaml")?.remove(0);
    let all = mesh.upstreams.addresses();
    let mut clusters = [istio_cluster(CART, &all[..3], http2), istio_cluster(CATALOGUE, &all[3..], false)];
    let router = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router", "start_child_span": true,
    });
    let fault = json!({ "name": "envoy.filters.http.fault", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
    } });
    let mut listener = listener("http.8080", [CART, CATALOGUE], &[fault], &router);
    apply(&manifest, &mut listener, &mut clusters, folder)?;
    let tags = stats_tags(&trees(&rendered, "pods.yaml")?.remove(0));
    Envoy::start(bootstrap(listener, clusters)?.edit(|value| value["stats_config"] = tags)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_envoy_filter_carries_traffic_in_an_envoy_of_istios_shape() -> Outcome {
    let (mesh, folder) = (Mesh::start(CART, CATALOGUE).await?, tempfile::TempDir::new()?);
    let envoy = start(&mesh, false, folder.path(), |_| {}).await?;
    doctor::finds_no_cross(&envoy).await?;
    mesh.carries(&envoy).await?;
    // The annotation makes labels of what the metrics' names carry.
    let told = envoy.prometheus().await?;
    let ejections = told.lines().find(|line| {
        line.contains("switchyard_ejections_total{")
            && ["upstream=\"cart\"", "reason=\"consecutive_5xx\""].iter().all(|label| line.contains(label))
    });
    assert!(ejections.is_some(), "{told}");
    Ok(())
}

/// Nothing in the site says what cart speaks, and what Istio has in its HttpProtocolOptions stays; the same where it is said.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_http2_stays_one() -> Outcome {
    for said in [None, Some(Protocol::Http2)] {
        let (mesh, folder) = (Mesh::start(CART, CATALOGUE).await?, tempfile::TempDir::new()?);
        let change = |site: &mut Site| {
            if let Some(protocol) = said {
                let mut cart = site.clusters[0].clone();
                (cart.name, cart.protocol) = (CART.to_owned(), Some(protocol));
                site.clusters.push(cart);
            }
        };
        let envoy = start(&mesh, true, folder.path(), change).await?;
        mesh.carries(&envoy).await?;
        let connections =
            async |version: &str| envoy.stat(&format!("cluster.{CART}.upstream_cx_{version}_total")).await;
        assert!(connections("http2").await? > 0, "{said:?}");
        assert_eq!(connections("http1").await?, 0, "{said:?}");
    }
    Ok(())
}

/// What a site says wrongly of a cluster, Istio's HttpProtocolOptions do not save: they are replaced. This is why nothing need be said.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_site_says_of_a_protocol_replaces_what_istio_has() -> Outcome {
    let (mesh, folder) = (Mesh::start(CART, CATALOGUE).await?, tempfile::TempDir::new()?);
    let wrong = |site: &mut Site| CART.clone_into(&mut site.clusters[0].name);
    let envoy = start(&mesh, true, folder.path(), wrong).await?;
    let client = envoy.client("ingress").await?;
    assert_eq!(client.get("/").send().await?.status, 200);
    assert_eq!(envoy.stat(&format!("cluster.{CART}.upstream_cx_http2_total")).await?, 0);
    Ok(())
}
