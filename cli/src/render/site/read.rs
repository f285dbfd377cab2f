//! Reads a site file, and knows what its fields are where nobody says.

use super::reader::{Problems, Section};
use super::settings::{Cluster, Context, EnvoyGateway, Form, ISTIOS, Image, Istio, Protocol, Site};
use super::version::Minor;
use serde_json::Value;

impl Default for Site {
    fn default() -> Self {
        let problems = Problems::default();
        read(&Value::Null, &problems)
    }
}

impl Site {
    /// The site that this tree means; `null` is that of the defaults.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_value(tree: &Value) -> Result<Self, Vec<String>> {
        let problems = Problems::default();
        let site = read(tree, &problems);
        let problems = problems.into_inner();
        if problems.is_empty() { Ok(site) } else { Err(problems) }
    }
}

/// Every field that is known, by the section that it is in; a section of a list stands here once.
#[cfg(test)]
pub(in super::super) const KNOWN: [(&str, &[&str]); 10] = [
    ("", &FIELDS),
    ("listener", &ADDRESS),
    ("admin", &ADDRESS),
    ("clusters", &CLUSTER),
    ("modules", &FOLDER),
    ("ecds", &FOLDER),
    ("images", &IMAGES),
    ("envoy", &VERSION),
    ("istio", &ISTIO),
    ("envoy_gateway", &GATEWAY),
];
const FIELDS: [&str; 12] = [
    "name",
    "namespace",
    "vm_id",
    "listener",
    "admin",
    "clusters",
    "modules",
    "ecds",
    "images",
    "envoy",
    "istio",
    "envoy_gateway",
];
const ADDRESS: [&str; 2] = ["address", "port"];
const CLUSTER: [&str; 5] = ["name", "endpoints", "dns", "protocol", "inference_pool"];
const FOLDER: [&str; 1] = ["folder"];
const IMAGES: [&str; 2] = ["switchyard", "outlier"];
const IMAGE: [&str; 2] = ["reference", "sha256"];
const VERSION: [&str; 1] = ["version"];
const ISTIO: [&str; 6] = ["version", "form", "context", "labels", "priority", "outlier_from_file"];
const GATEWAY: [&str; 6] = ["version", "gateway", "gateway_namespace", "listener", "routes", "patches"];

fn read(tree: &Value, problems: &Problems) -> Site {
    let site = Section::of(tree, "", &FIELDS, problems);
    let name = |field: &str| site.text_that(field, is_name, NO_NAME);
    let namespace = name("namespace");
    let folder = |field: &str, default: &str| {
        let section = site.section(field, &FOLDER);
        let absolute = |text: &str| text.starts_with('/');
        let folder = section.and_then(|section| {
            section.text_that("folder", absolute, "is no absolute path; begin it with /")
        });
        folder.unwrap_or_else(|| default.to_owned())
    };
    let images = site.section("images", &IMAGES);
    let image = |field: &str| image(&images.as_ref()?.section(field, &IMAGE)?);
    let envoy = site.section("envoy", &VERSION);
    let (listener, admin) =
        (address(&site, "listener", "0.0.0.0", 10_000), address(&site, "admin", "127.0.0.1", 9901));
    if listener.1 == admin.1 {
        site.wrong("admin.port", &Value::from(admin.1), "is the listener's, too; two cannot listen there");
    }
    Site {
        name: name("name").unwrap_or_else(|| "switchyard".to_owned()),
        vm_id: site.text("vm_id").unwrap_or_else(|| "switchyard".to_owned()),
        listener,
        admin,
        clusters: clusters(&site),
        module_folder: folder("modules", "/etc/switchyard"),
        ecds_folder: folder("ecds", "/etc/switchyard/ecds"),
        switchyard: image("switchyard"),
        outlier: image("outlier"),
        envoy: envoy.and_then(|section| version(&section)).unwrap_or(Minor(1, 40)),
        istio: istio(&site, namespace.as_deref()),
        envoy_gateway: envoy_gateway(&site, namespace.as_deref().unwrap_or(DEFAULT)),
        namespace: namespace.unwrap_or_else(|| DEFAULT.to_owned()),
    }
}

/// The namespace where nobody says one: Kubernetes' own.
const DEFAULT: &str = "default";

const NO_NAME: &str = "is no name of Kubernetes: small letters, digits, - and .";

fn is_name(text: &str) -> bool {
    let inner = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || "-.".contains(sign);
    text.len() <= 253
        && text.chars().all(inner)
        && text.starts_with(|sign: char| sign.is_ascii_alphanumeric())
        && text.ends_with(|sign: char| sign.is_ascii_alphanumeric())
}

fn version(section: &Section<'_>) -> Option<Minor> {
    let wrong = "is no version; write the first two numbers in quotes: \"1.31\"";
    section
        .text_that("version", |text| Minor::parse(text).is_some(), wrong)
        .and_then(|text| Minor::parse(&text))
}

fn address(site: &Section<'_>, field: &str, ip: &str, port: u16) -> (String, u16) {
    let Some(section) = site.section(field, &ADDRESS) else { return (ip.to_owned(), port) };
    let is_ip = |text: &str| text.parse::<std::net::IpAddr>().is_ok();
    let address = section.text_that("address", is_ip, "is no IP address");
    let given = section.whole("port", 65_535).and_then(|port| u16::try_from(port).ok());
    (address.unwrap_or_else(|| ip.to_owned()), given.unwrap_or(port))
}

fn image(section: &Section<'_>) -> Option<Image> {
    let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let sha256 =
        section.text_that("sha256", is_digest, "is no digest: 64 hexadecimal digits, without `sha256:`");
    let written = section.text("reference");
    match &written {
        None => section.wrong("reference", &Value::Null, "is not there; write registry/name:tag"),
        Some(text) if text.contains("://") => {
            section.wrong("reference", &Value::String(text.clone()), "has a scheme; write registry/name:tag");
        }
        Some(text) if !is_reference(text) => {
            let problem = "is no reference of an image: small letters, digits and ._-/ before the tag; write registry/name:tag, and a digest into sha256";
            section.wrong("reference", &Value::String(text.clone()), problem);
        }
        Some(_) => {}
    }
    Some(Image { reference: written?, sha256 })
}

/// Whether registries and Envoy's platforms can read it, after the grammar of the distribution specification: a host, a path in small
/// letters, a tag.
fn is_reference(text: &str) -> bool {
    let (host, path) = text.split_once('/').unwrap_or(("", text));
    let (path, tag) = path.split_once(':').unwrap_or((path, "latest"));
    let inner = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || "._-".contains(sign);
    let is_tag = |text: &str| text.chars().all(|sign| sign.is_ascii_alphanumeric() || "._-".contains(sign));
    host.chars().all(|sign| sign.is_ascii_alphanumeric() || ".:-[]".contains(sign))
        && path.split('/').all(|part| !part.is_empty() && part.chars().all(inner))
        && !tag.is_empty()
        && is_tag(tag)
}

/// Whether Kubernetes takes it as a label.
fn is_label((key, value): &(String, String)) -> bool {
    let is_edge = |sign: char| sign.is_ascii_alphanumeric();
    let is_word = |text: &str| {
        let inner = |sign: char| is_edge(sign) || "._-".contains(sign);
        text.len() <= 63 && text.chars().all(inner) && text.starts_with(is_edge) && text.ends_with(is_edge)
    };
    let (prefix, name) =
        key.split_once('/').map_or((None, key.as_str()), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_name) && is_word(name) && (value.is_empty() || is_word(value))
}

fn clusters(site: &Section<'_>) -> Vec<Cluster> {
    let one = |section: Section<'_>| {
        let name = section.text("name");
        if name.is_none() {
            section.wrong("name", &Value::Null, "is not there; write the cluster's name in Envoy");
        }
        let endpoints = section.texts("endpoints");
        for endpoint in &endpoints {
            if endpoint.parse::<std::net::SocketAddr>().is_err() {
                let value = Value::String(endpoint.clone());
                section.wrong("endpoints", &value, "is no ip:port; a name to resolve goes into dns");
            }
        }
        let with_port = |text: &str| {
            text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        let protocol =
            section.one_of("protocol", &["http1", "http2", "downstream"]).map(|word| match &*word {
                "http1" => Protocol::Http1,
                "http2" => Protocol::Http2,
                _ => Protocol::Downstream,
            });
        let dns = section.text_that("dns", with_port, "has no port; write host:port");
        if let (Some(dns), false) = (&dns, endpoints.is_empty()) {
            section.wrong("dns", &Value::String(dns.clone()), "stands beside endpoints; keep one of the two");
        }
        let inference_pool = section.flag("inference_pool").unwrap_or_default();
        Some(Cluster { name: name?, endpoints, dns, protocol, inference_pool })
    };
    let clusters: Vec<_> = site.sections("clusters", &CLUSTER).into_iter().filter_map(one).collect();
    for (place, cluster) in clusters.iter().enumerate() {
        if clusters.iter().take(place).any(|before| before.name == cluster.name) {
            let name = Value::String(cluster.name.clone());
            site.wrong("clusters", &name, "is the name of two clusters; keep one of them");
        }
    }
    clusters
}

fn istio(site: &Section<'_>, namespace: Option<&str>) -> Istio {
    let section = site.section("istio", &ISTIO);
    let section = section.as_ref();
    let form = section
        .and_then(|section| section.one_of("form", &["envoy_filter", "wasm_plugin", "traffic_extension"]));
    let context = section.and_then(|section| section.one_of("context", &["gateway", "sidecar"]));
    let labels = section.map(|section| section.labels("labels")).filter(|labels| !labels.is_empty());
    for (key, value) in labels.iter().flatten().filter(|label| !is_label(label)) {
        let problem = "is no label of Kubernetes: letters, digits and ._- inside, at most 63 each";
        site.wrong("istio.labels", &Value::String(format!("{key}: {value}")), problem);
    }
    let context = match context.as_deref() {
        Some("sidecar") => Context::Sidecar,
        _ => Context::Gateway,
    };
    let (everybodys, own) = match context {
        Context::Gateway => (vec![("istio".to_owned(), "ingressgateway".to_owned())], ISTIOS),
        Context::Sidecar => (Vec::new(), DEFAULT),
    };
    Istio {
        version: section.and_then(version).unwrap_or(Minor(1, 31)),
        form: match form.as_deref() {
            Some("wasm_plugin") => Form::WasmPlugin,
            Some("traffic_extension") => Form::TrafficExtension,
            _ => Form::EnvoyFilter,
        },
        context,
        namespace: namespace.unwrap_or(own).to_owned(),
        labels: labels.unwrap_or(everybodys),
        priority: section
            .and_then(|section| section.whole("priority", 1_000_000))
            .and_then(|priority| i64::try_from(priority).ok()),
        outlier_from_file: section.and_then(|section| section.flag("outlier_from_file")).unwrap_or_default(),
    }
}

fn envoy_gateway(site: &Section<'_>, namespace: &str) -> EnvoyGateway {
    let section = site.section("envoy_gateway", &GATEWAY);
    let section = section.as_ref();
    let text = |field: &str, default: &str| {
        section.and_then(|section| section.text(field)).unwrap_or_else(|| default.to_owned())
    };
    EnvoyGateway {
        version: section.and_then(version).unwrap_or(Minor(1, 9)),
        gateway: text("gateway", "eg"),
        gateway_namespace: section
            .and_then(|section| section.text_that("gateway_namespace", is_name, NO_NAME))
            .unwrap_or_else(|| namespace.to_owned()),
        listener: text("listener", "http"),
        routes: section.map(|section| section.texts("routes")).unwrap_or_default(),
        patches: section.and_then(|section| section.flag("patches")).unwrap_or(true),
    }
}
