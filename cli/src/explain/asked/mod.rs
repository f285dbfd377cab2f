//! The request that is asked about: as a line and headers, as a `curl` command, or as a line of Envoy's access log.
//!
//! Invariant: what a form does not say is not made up, but for what every client of its kind sends; what is not known is said in a note.

mod access_log;
mod curl;
mod line;

pub use access_log::from_access_log;
pub use curl::from_curl;
pub use line::from_line;

use crate::decision::Request;
use crate::source::bytes_of_file;
use anyhow::{Context as _, Result, anyhow, bail};
use core::net::IpAddr;
use std::path::Path;

/// A request and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The request.
    pub request: Request,
    /// What a reader must know of it.
    pub notes: Vec<String>,
    /// The endpoint that it went to, if a log says so.
    pub went_to: Option<String>,
}

impl From<Request> for Asked {
    fn from(request: Request) -> Self {
        Self { request, notes: Vec::new(), went_to: None }
    }
}

/// How it is given.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// Method and path, or a path or URL alone: 'GET /cart?id=1', '/cart', 'GET http://shop.example/cart'.
    #[arg(long, short, value_name = "LINE", conflicts_with_all = ["curl", "access_log"])]
    request: Option<String>,
    /// A command line of curl; its files are not read.
    #[arg(long, value_name = "COMMAND", conflicts_with = "access_log")]
    curl: Option<String>,
    /// A line of Envoy's access log in its default format.
    #[arg(long, value_name = "LINE")]
    access_log: Option<String>,
    /// A header: 'name: value'. May be repeated.
    #[arg(long = "header", short = 'H', value_name = "HEADER")]
    headers: Vec<String>,
    /// The host that the request is for (:authority).
    #[arg(long, visible_alias = "host", value_name = "HOST")]
    authority: Option<String>,
    /// The client's address as Envoy has it.
    #[arg(long, value_name = "IP")]
    source_ip: Option<IpAddr>,
    /// The body, or @FILE.
    #[arg(long, value_name = "TEXT|@FILE")]
    body: Option<String>,
    /// The cluster that Envoy's own route leads to, for requests that no route of the document matches.
    #[arg(long, value_name = "CLUSTER")]
    cluster: Option<String>,
}

impl Arguments {
    /// The request.
    ///
    /// # Errors
    /// When it is given in none of the ways, or cannot be read.
    pub(crate) fn read(&self) -> Result<Asked> {
        let mut asked = match (&self.request, &self.curl, &self.access_log) {
            (Some(line), ..) => {
                from_line(line).map(Asked::from).with_context(|| format!("--request {line:?}"))?
            }
            (_, Some(command), _) => from_curl(command).context("--curl")?,
            (.., Some(line)) => from_access_log(line).context("--access-log")?,
            (None, None, None) => {
                bail!("give a request: --request 'GET /path', --curl 'curl …' or --access-log 'LINE'")
            }
        };
        for header in &self.headers {
            let (name, value) = header_of(header).with_context(|| format!("-H {header:?}"))?;
            asked.request.add(&name, &value);
        }
        if let Some(authority) = &self.authority {
            asked.request.add(":authority", authority);
        }
        if let Some(ip) = self.source_ip {
            asked.request.source_ip = Some(ip.to_string());
        }
        if let Some(body) = &self.body {
            asked.request.body = body_of(body)?;
        }
        asked.request.cluster.clone_from(&self.cluster);
        Ok(asked)
    }
}

/// A header as it is written on a command line: `name: value`.
fn header_of(text: &str) -> Result<(String, String)> {
    // A pseudo-header begins with a colon.
    let at = text.char_indices().skip(1).find(|(_, letter)| *letter == ':').map(|(at, _)| at);
    let (name, value) =
        at.and_then(|at| text.split_at_checked(at)).context("is no header; write 'name: value'")?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_name {
        bail!("{name:?} is no name of a header");
    }
    Ok((name.to_owned(), value.strip_prefix(':').unwrap_or(value).trim().to_owned()))
}

/// A body as it is given: itself, or a file's.
fn body_of(text: &str) -> Result<Vec<u8>> {
    match text.strip_prefix('@') {
        Some(path) => bytes_of_file(Path::new(path)).map_err(|problem| anyhow!("--body @{path}: {problem}")),
        None => Ok(text.as_bytes().to_vec()),
    }
}

#[cfg(test)]
mod tests;
