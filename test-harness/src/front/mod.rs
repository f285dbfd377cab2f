//! What stands in front of our filters in Envoy and knows who asks: jwt_authn, ext_authz, or a listener that wants certificates;
//! and two users that it can tell apart.
//!
//! Invariant: what reaches our filters of the two differs in nothing but what is said here: all else that tells them apart has been
//! taken off. The upstream learns who asks from Envoy ([`WHOSE`]), behind our filters, as services do.

mod certificates;
mod filters;
mod token;

use anyhow::Context as _;
use serde_json::{Value, json};

pub use certificates::{Authority, Certificate};
pub use token::{ISSUER, jwks, token};

use crate::envoy::{Bootstrap, Envoy, pieces};
use crate::load::Client;
use crate::upstream::{Behaviour, Upstream};

/// The header in which the upstream is told who asks.
pub const WHOSE: &str = "x-whose";
/// The header by which ext_authz knows its users.
const SESSION: &str = "x-session";
const NAMES: [&str; 2] = ["alice", "bob"];

/// What is in front.
pub struct Front {
    /// HTTP filters, in their order.
    filters: Vec<Value>,
    clusters: Vec<Value>,
    /// The listener's transport socket.
    socket: Option<Value>,
    /// What Envoy writes into [`WHOSE`], in its format.
    whose: &'static str,
    users: [User; 2],
    authorizer: Option<Upstream>,
}

/// Who asks.
struct User {
    /// The header that says it to what is in front.
    header: Option<(&'static str, String)>,
    certificate: Option<Certificate>,
    /// What the upstream is told.
    whose: String,
}

impl User {
    fn with_token(name: &str, whose: &str) -> Self {
        let header = Some(("authorization", format!("Bearer {}", token(name))));
        Self { header, certificate: None, whose: whose.to_owned() }
    }

    fn with_session(name: &str) -> Self {
        Self { header: Some((SESSION, name.to_owned())), certificate: None, whose: name.to_owned() }
    }
}

impl Front {
    fn of(filters: Vec<Value>, whose: &'static str, users: [User; 2]) -> Self {
        Self { filters, clusters: Vec::new(), socket: None, whose, users, authorizer: None }
    }

    /// jwt_authn as docs/coalesce.md has it: it takes the token off and puts its claims into the metadata.
    ///
    /// # Errors
    /// If it is not there any more.
    pub fn token_in_metadata() -> anyhow::Result<Self> {
        let whose = "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)%";
        let users = NAMES.map(|name| User::with_token(name, name));
        Ok(Self::of(vec![filters::jwt_authn("payload_in_metadata", Some("payload"))?], whose, users))
    }

    /// jwt_authn that takes the token off and puts its claims into a header.
    ///
    /// # Errors
    /// If docs/coalesce.md has it no more.
    pub fn token_in_header() -> anyhow::Result<Self> {
        let users = NAMES.map(|name| {
            let token = token(name);
            User::with_token(name, token.split('.').nth(1).unwrap_or_default())
        });
        let filter = filters::jwt_authn("forward_payload_header", Some("x-jwt-payload"))?;
        Ok(Self::of(vec![filter], "%REQ(x-jwt-payload)%", users))
    }

    /// jwt_authn that takes the token off and says nothing: its default.
    ///
    /// # Errors
    /// If docs/coalesce.md has it no more.
    pub fn token_taken_off() -> anyhow::Result<Self> {
        let users = NAMES.map(|name| User::with_token(name, "nobody"));
        Ok(Self::of(vec![filters::jwt_authn("payload_in_metadata", None)?], "nobody", users))
    }

    /// ext_authz whose service says who asks in headers of its answer that go into the metadata.
    ///
    /// # Errors
    /// If the service cannot be started.
    pub async fn authorized_in_metadata() -> anyhow::Result<Self> {
        let whose = "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:x-authz-user)%";
        Self::authorized("dynamic_metadata_from_headers", "x-authz-", whose).await
    }

    /// ext_authz whose service says who asks in headers of its answer that go into the request.
    ///
    /// # Errors
    /// If the service cannot be started.
    pub async fn authorized_in_headers() -> anyhow::Result<Self> {
        Self::authorized("allowed_upstream_headers", "x-auth-request-", "%REQ(x-auth-request-user)%").await
    }

    async fn authorized(setting: &str, prefix: &str, whose: &'static str) -> anyhow::Result<Self> {
        let authorizer = Upstream::start("authorizer", "127.0.0.1:0".parse()?).await?;
        let mut front =
            Self::of(filters::ext_authz(SESSION, setting, prefix), whose, NAMES.map(User::with_session));
        front.clusters.push(pieces::cluster(filters::AUTHORIZER, &[authorizer.address()]));
        front.authorizer = Some(authorizer);
        front.authorizes_in(0)?;
        Ok(front)
    }

    /// Whoever decides takes so long about it from now on.
    ///
    /// # Errors
    /// If its rules cannot be set.
    pub fn authorizes_in(&self, delay_ms: u64) -> anyhow::Result<()> {
        let Some(authorizer) = &self.authorizer else { return Ok(()) };
        for name in NAMES {
            let says = [
                ("x-auth-request-user", name.to_owned()),
                ("x-auth-request-email", format!("{name}@users.test")),
                ("x-authz-user", name.to_owned()),
            ];
            let headers = says.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let answer = Behaviour::Answer { status: 200, headers, body: None, delay_ms };
            authorizer.behave_for(SESSION, name, answer)?;
        }
        Ok(())
    }

    /// A listener that wants a certificate of each client.
    ///
    /// # Errors
    /// If none can be made.
    pub fn certificates() -> anyhow::Result<Self> {
        let authority = Authority::new()?;
        let user = |name: &str| {
            let certificate = Some(authority.client(name)?);
            anyhow::Ok(User { header: None, certificate, whose: name.to_owned() })
        };
        let [alice, bob] = NAMES;
        let mut front = Self::of(Vec::new(), "%DOWNSTREAM_PEER_DNS_SAN%", [user(alice)?, user(bob)?]);
        front.socket = Some(authority.socket()?);
        Ok(front)
    }

    /// The bootstrap with this in front of all HTTP filters of its listener `ingress`.
    #[must_use]
    pub fn before(&self, bootstrap: Bootstrap) -> Bootstrap {
        let bootstrap = self.clusters.iter().cloned().fold(bootstrap, Bootstrap::cluster);
        bootstrap.edit(|value| {
            let listeners = value.pointer_mut("/static_resources/listeners").and_then(Value::as_array_mut);
            let named = |listener: &&mut Value| listener.get("name") == Some(&json!("ingress"));
            let chain = listeners
                .and_then(|listeners| listeners.iter_mut().find(named))
                .and_then(|listener| listener.pointer_mut("/filter_chains/0"));
            if let Some(chain) = chain {
                self.put_before(chain);
            }
        })
    }

    fn put_before(&self, chain: &mut Value) {
        if let (Some(socket), Some(chain)) = (&self.socket, chain.as_object_mut()) {
            chain.insert("transport_socket".to_owned(), socket.clone());
        }
        let Some(manager) = chain.pointer_mut("/filters/0/typed_config") else { return };
        if let Some(filters) = manager.get_mut("http_filters").and_then(Value::as_array_mut) {
            filters.splice(0..0, self.filters.clone());
        }
        if let Some(routes) = manager.get_mut("route_config").and_then(Value::as_object_mut) {
            let header = json!([{ "header": { "key": WHOSE, "value": self.whose } }]);
            routes.insert("request_headers_to_add".to_owned(), header);
        }
    }

    /// A client of each of the two users.
    ///
    /// # Errors
    /// If Envoy has no listener `ingress`.
    pub async fn clients(&self, envoy: &Envoy) -> anyhow::Result<[Client; 2]> {
        let address = envoy.listener_address("ingress").await?;
        let client = |user: &User| {
            let client = Client::to(address);
            let client = user.certificate.iter().fold(client, Client::with_certificate);
            match &user.header {
                Some((name, value)) => client.with_header(name, value),
                None => Ok(client),
            }
        };
        let [alice, bob] = &self.users;
        Ok([client(alice)?, client(bob)?])
    }

    /// What the upstream is told of the two.
    #[must_use]
    pub fn whose(&self) -> [&str; 2] {
        self.users.each_ref().map(|user| user.whose.as_str())
    }
}

/// A filter that a page of the documentation shows, as it stands there.
fn documented(page: &str, name: &str) -> anyhow::Result<Value> {
    let begins = format!("```yaml\n- name: {name}\n");
    let block = page.split_once(&begins).and_then(|(_, rest)| rest.split_once("\n```"));
    let (rest, _) = block.with_context(|| format!("no example of {name}"))?;
    let filters: Value = serde_saphyr::from_str(&format!("- name: {name}\n{rest}"))?;
    filters.get(0).cloned().context("an example without a filter")
}
