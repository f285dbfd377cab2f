//! `switchyard render`: the files that bring a document to Envoy, Istio or Envoy Gateway.
//!
//! A platform is a module; [`site`] is what it wants to know beside the document. Invariant: the same document and site give the same
//! bytes; what a platform cannot do is refused, or stands as a warning at the head of the file and on standard error.
//! Trade-off: the files are written for people to read, so Envoy's own defaults are left out.

mod bootstrap;
mod clusters;
mod ecds;
mod gateway;
mod images;
mod istio;
mod outcome;
mod piece;
mod platform;
pub mod site;
mod wanted;
mod yaml;

pub use outcome::{Impossible, Rendered, Text};

use crate::Exit;
use crate::shown::Shown;
use crate::source::File;
use anstyle::{AnsiColor, Style};
use anyhow::{Context as _, Result, bail};
use site::Site;
use std::io::Write;
use std::path::{Path, PathBuf};
use wanted::Wanted;

/// What it takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// For whom.
    #[arg(value_enum)]
    pub platform: Platform,
    /// The document, or a file that carries one; `-`: standard input.
    pub file: PathBuf,
    /// What is to be known of the site: listener, clusters, namespace, images, versions.
    #[arg(long, value_name = "SITE.yaml")]
    pub site: Option<PathBuf>,
    /// Write the files into this folder, which is made; else they go to standard output.
    #[arg(long, value_name = "FOLDER")]
    pub into: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  switchyard render envoy switchyard.yaml --site site.yaml > envoy.yaml
  switchyard render ecds switchyard.yaml --site site.yaml --into /etc/switchyard/ecds
  switchyard render istio switchyard.yaml --site site.yaml | kubectl apply -f -
  switchyard render envoy-gateway switchyard.yaml --into manifests

A site file, all of whose fields have defaults:
  name: switchyard                       # of the manifests
  namespace: istio-system                # theirs; on Istio that of the proxies
  vm_id: switchyard                      # what shared data is shared by
  listener: {address: 0.0.0.0, port: 10000}
  admin: {address: 127.0.0.1, port: 9901}
  clusters:
    - {name: \"outbound|8080||cart.shop.svc.cluster.local\", protocol: http2}  # http1, http2, downstream
    - {name: \"outbound|8000||pool.shop.svc.cluster.local\", inference_pool: true}
    - {name: checkout, endpoints: [\"10.0.0.1:8080\"]}
    - {name: catalog, dns: \"catalog.shop:8080\"}
  images:
    switchyard: {reference: \"registry.example/switchyard:0.1.0\", sha256: …}
    outlier: {reference: \"registry.example/switchyard-outlier:0.1.0\", sha256: …}
  modules: {folder: /etc/switchyard}     # where files of modules are on the proxy
  ecds: {folder: /etc/switchyard/ecds}   # where files of plugins are on the proxy
  envoy: {version: \"1.40\"}
  istio:
    version: \"1.31\"
    form: envoy_filter                   # or wasm_plugin, traffic_extension
    context: gateway                     # or sidecar
    labels: {istio: ingressgateway}      # of the proxies' pods
    priority: 10                         # among EnvoyFilters, lowest first
    outlier_from_file: false             # true: outlier.wasm is in the proxy's container
  envoy_gateway:
    version: \"1.9\"
    gateway: eg
    gateway_namespace: shop              # where that is; else as namespace
    listener: http
    routes: [cart]                       # HTTPRoutes that it is for; none: the whole Gateway
    patches: true                        # false: it takes no EnvoyPatchPolicy";

/// Whom files are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Platform {
    /// Envoy by itself: a static bootstrap.
    Envoy,
    /// Envoy by itself, its filters in files that it watches.
    Ecds,
    /// Istio: EnvoyFilter, WasmPlugin or TrafficExtension.
    Istio,
    /// Envoy Gateway: EnvoyExtensionPolicy, BackendTrafficPolicy, EnvoyPatchPolicy.
    EnvoyGateway,
}

/// The files for the one document in `file`.
///
/// # Errors
/// When there is no right document in it, or the platform cannot do what it wants ([`Impossible`]).
pub fn render(platform: Platform, file: &File, site: &Site) -> Result<Rendered> {
    let wanted = Wanted::of(file)?;
    let mut rendered = match platform {
        Platform::Envoy => bootstrap::render(&wanted, site),
        Platform::Ecds => ecds::render(&wanted, site),
        Platform::Istio => istio::render(&wanted, site),
        Platform::EnvoyGateway => gateway::render(&wanted, site),
    }?;
    let idle = site.clusters.iter().filter(|cluster| !wanted.has_use_for(&cluster.name));
    rendered.warnings.extend(idle.map(|cluster| {
        format!(
            "the site's cluster {:?}: no upstream of the document names it, so nothing is rendered of it",
            cluster.name
        )
    }));
    Ok(rendered)
}

/// Reads a site file.
///
/// # Errors
/// When it cannot be read, or with everything that is wrong with it.
pub fn read_site(path: &Path) -> Result<Site> {
    let file = File::read(path)?;
    let [tree] = file.trees.as_slice() else {
        bail!("{}: holds {} YAML documents; a site stands alone", file.name, file.trees.len());
    };
    Site::from_value(tree).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(|problem| format!("{}: {problem}", file.name)).collect();
        anyhow::anyhow!("the site is not understood\n{}", lines.join("\n"))
    })
}

/// Runs it.
///
/// # Errors
/// When a file cannot be read or written, or is wrong.
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit> {
    let site = arguments.site.as_deref().map(read_site).transpose()?.unwrap_or_default();
    let file = File::read(&arguments.file)?;
    let rendered = match render(arguments.platform, &file, &site) {
        Ok(rendered) => rendered,
        Err(error) => match error.downcast::<Impossible>() {
            Ok(Impossible(reasons)) => {
                for reason in reasons {
                    writeln!(out, "{}: {reason}", file.name)?;
                }
                return Ok(Exit::Found);
            }
            Err(error) => return Err(error),
        },
    };
    let style = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
    for warning in &rendered.warnings {
        writeln!(Shown(anstream::stderr().lock()), "{style}warning{style:#}: {warning}")?;
    }
    match &arguments.into {
        Some(folder) => write_into(folder, &rendered, out)?,
        None => print(&rendered, out)?,
    }
    Ok(Exit::Good)
}

fn write_into(folder: &Path, rendered: &Rendered, out: &mut impl Write) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    for Text { name, text, .. } in &rendered.files {
        let path = folder.join(name);
        // Envoy may be watching: it never reads half a file.
        let aside = folder.join(format!(".{name}.next"));
        std::fs::write(&aside, text).with_context(|| format!("writing {}", aside.display()))?;
        std::fs::rename(&aside, &path).with_context(|| format!("writing {}", path.display()))?;
        writeln!(out, "wrote {}", path.display())?;
    }
    Ok(())
}

/// One file as it is; several with a line before each that says where it belongs.
fn print(rendered: &Rendered, out: &mut impl Write) -> Result<()> {
    let files: Vec<_> = rendered.files.iter().filter(|file| !file.is_aside).collect();
    if let [Text { text, .. }] = files.as_slice() {
        write!(out, "{text}")?;
        return Ok(());
    }
    for Text { name, text, .. } in files {
        writeln!(out, "---\n# {name}")?;
        write!(out, "{text}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
