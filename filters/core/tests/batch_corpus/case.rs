//! A file of the corpus.

use crate::batch_shares::SplitAll as _;
use core::fmt::Write as _;
use std::path::{Path, PathBuf};
use switchyard_core::batch::{
    Answer, Broken, Embeddings, IdForm, IdList, JsonArray, JsonRpc, Outcome, Part, Protocol, Sends, Share,
};

/// A request and what it is.
struct Request {
    method: String,
    path: String,
    body: String,
}

/// One batch.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) protocol: Protocol,
    requests: Vec<Request>,
    /// Why a request goes by itself, by its place.
    pub(super) alone: Vec<Option<String>>,
    status: u16,
    pub(super) answer: String,
    /// What clients get, as text.
    pub(super) comes_of_it: String,
}

impl Case {
    /// The whole corpus, in the order of names.
    pub(super) fn all() -> Vec<Self> {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/batch_corpus");
        let folders = entries(&corpus).into_iter().filter(|path| path.is_dir());
        let mut files: Vec<_> = folders.flat_map(|folder| entries(&folder)).collect();
        files.sort();
        files.iter().map(|file| Self::read(file)).collect()
    }

    fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).expect("a file");
        let kind = file.parent().and_then(Path::file_name).expect("a folder").to_string_lossy();
        let name = format!("{kind}/{}", file.file_stem().expect("a name").to_string_lossy());
        let (asked, answered) = text.split_once("<<< ").expect("an answer");
        let (mut requests, mut alone) = (Vec::new(), Vec::new());
        for request in asked.split(">>> ").skip(1) {
            let (head, body) = request.split_once('\n').expect("a line");
            let (target, why) =
                head.split_once(" alone: ").map_or((head, None), |(target, why)| (target, Some(why)));
            let (method, path) = target.split_once(' ').expect("a method and a path");
            requests.push(Request { method: method.into(), path: path.into(), body: body.trim_end().into() });
            alone.push(why.map(str::to_owned));
        }
        let (status, answer) = answered.split_once('\n').expect("a status");
        let (answer, comes_of_it) = answer.split_at(answer.find("=== ").unwrap_or(answer.len()));
        Self {
            protocol: protocol(&kind),
            requests,
            alone,
            status: status.parse().expect("a status"),
            answer: answer.trim_end().into(),
            comes_of_it: comes_of_it.into(),
            name,
        }
    }

    /// Why each request goes by itself.
    pub(super) fn reasons(&self) -> Vec<Option<String>> {
        let parts = self.requests.iter().map(|request| self.part(request));
        parts.map(|part| part.err()).collect()
    }

    /// The requests that are joined.
    pub(super) fn parts(&self) -> Vec<Part> {
        let parts: Vec<_> = self.requests.iter().filter_map(|request| self.part(request).ok()).collect();
        assert!(parts.windows(2).all(|pair| pair[0].group == pair[1].group), "{}", self.name);
        parts
    }

    fn part(&self, request: &Request) -> Result<Part, String> {
        let Request { method, path, body } = request;
        let part = self.protocol.read(method.as_bytes(), path.as_bytes(), body.as_bytes());
        part.map_err(|unbatchable| unbatchable.why.name().to_owned())
    }

    /// What clients get of an answer with this body.
    pub(super) fn shares(&self, answer: &[u8]) -> Result<Vec<Share>, Broken> {
        self.protocol.split_all(&self.parts(), Answer { status: self.status, body: answer })
    }

    /// The same as it stands in the file.
    pub(super) fn split(&self, answer: &str) -> String {
        match self.shares(answer.as_bytes()) {
            Err(broken) => format!("=== broken: {}\n", broken.name()),
            Ok(shares) => shares.iter().fold(String::new(), |mut text, share| {
                let outcome = if share.outcome == Outcome::Lost { "lost" } else { "answered" };
                let body = String::from_utf8_lossy(&share.body);
                writeln!(text, "=== {} {outcome}\n{body}", share.status).expect("room");
                text
            }),
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

/// The protocol of a folder.
fn protocol(kind: &str) -> Protocol {
    let ids = |form, field: Option<&str>| {
        Protocol::IdList(IdList {
            path: "/items".into(),
            parameter: "ids".into(),
            form,
            takes_single: true,
            field: field.map(Into::into),
            id_pointer: "/id".into(),
        })
    };
    match kind {
        "json_rpc" => Protocol::JsonRpc(JsonRpc::default()),
        "embeddings" => Protocol::Embeddings(Embeddings::default()),
        "ids" => ids(IdForm::Comma, None),
        "repeated_ids" => ids(IdForm::Repeated, Some("data")),
        "instances" => Protocol::JsonArray(JsonArray {
            field: Some("instances".into()),
            answers: Some("predictions".into()),
            sends: Sends::Items,
            ..JsonArray::default()
        }),
        _ => Protocol::JsonArray(JsonArray::default()),
    }
}
