//! A real Chromium for one test, led by its driver: what a page looks like to who opens it.
//!
//! The programs are those that `$CHROMEDRIVER` and `$CHROMIUM` name. Invariant: the browser is closed when this is dropped, also by a test that
//! panics, and its profile goes with it. Trade-off: WebDriver is JSON over HTTP, and seven of its calls are all that is wanted, so they are
//! made by the harness's own client: the crates that speak all of it bring some thirty others.
//! Source: W3C WebDriver; Chromium's `goog:` extensions for what stands in a reader's settings.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::load::Client;

/// Without a window, a graphics card, or the sandbox, which root has none of.
const ARGUMENTS: [&str; 5] =
    ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"];

/// A running browser with one page.
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    client: Client,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts one, with an empty page.
    ///
    /// # Errors
    /// If there are no such programs, or they do not start.
    pub async fn start() -> anyhow::Result<Self> {
        let program = |name: &str| {
            let path = std::env::var_os(name).filter(|path| !path.is_empty());
            path.with_context(|| {
                format!("no browser: run this through `cargo xtask test`, or set {name} to the program")
            })
        };
        let (driver, browser) = (program("CHROMEDRIVER")?, program("CHROMIUM")?);
        let profile = TempDir::with_prefix("switchyard-chromium-")?;
        let (driver, address) = spawn(Path::new(&driver), profile.path())?;
        let (client, session) = (Client::to(address), String::new());
        let mut started = Self { driver, address, client, session, _profile: profile };
        let folder = format!("--user-data-dir={}", started._profile.path().join("data").display());
        let arguments: Vec<&str> = ARGUMENTS.into_iter().chain([&*folder]).collect();
        let options = json!({ "binary": browser.to_string_lossy(), "args": arguments });
        let wanted = json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let made = started
            .ask(Method::POST, "/session", &json!({ "capabilities": { "alwaysMatch": wanted } }))
            .await?;
        let id = made.get("sessionId").and_then(Value::as_str).context("a session without a number")?;
        started.session = format!("/session/{id}");
        Ok(started)
    }

    /// Goes to a page and waits until it has loaded.
    ///
    /// # Errors
    /// If there is none.
    pub async fn open(&self, url: &str) -> anyhow::Result<()> {
        self.of_session("/url", &json!({ "url": url })).await.map(drop)
    }

    /// What the body of this function returns in the page.
    ///
    /// # Errors
    /// If it throws.
    pub async fn run(&self, body: &str) -> anyhow::Result<Value> {
        self.of_session("/execute/sync", &json!({ "script": body, "args": [] })).await
    }

    /// The reader's system is dark, or light, and the window so wide.
    ///
    /// # Errors
    /// If the driver is none of Chromium's.
    pub async fn reader(&self, scheme: &str, width: u32) -> anyhow::Result<()> {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        let asked = [
            ("Emulation.setEmulatedMedia", json!({ "features": features })),
            ("Emulation.setDeviceMetricsOverride", metrics),
        ];
        for (command, parameters) in asked {
            self.of_session("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).await?;
        }
        Ok(())
    }

    /// What the page looks like, as PNG.
    ///
    /// # Errors
    /// If the driver does not say.
    pub async fn screenshot(&self) -> anyhow::Result<Vec<u8>> {
        let picture = self.ask(Method::GET, &format!("{}/screenshot", self.session), &Value::Null).await?;
        Ok(STANDARD.decode(picture.as_str().context("a picture that is no text")?)?)
    }

    /// What has been written on the console since it was asked last, errors of loading and of the page's policy among it.
    ///
    /// # Errors
    /// If the driver does not say.
    pub async fn console(&self) -> anyhow::Result<Vec<String>> {
        let said = self.of_session("/se/log", &json!({ "type": "browser" })).await?;
        Ok(said.as_array().into_iter().flatten().map(Value::to_string).collect())
    }

    async fn of_session(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask(Method::POST, &format!("{}{path}", self.session), body).await
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let mut request = self.client.request(method, path).header("content-type", "application/json");
        // The driver hears nobody who takes it for another host.
        request = request.header("host", self.address.to_string());
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.with_context(|| format!("asking the driver for {path}"))?;
        anyhow::ensure!(answer.status.is_success(), "the driver says of {path}: {}", answer.text());
        let mut answer: Value = serde_json::from_slice(&answer.body)?;
        Ok(answer.get_mut("value").map(Value::take).unwrap_or_default())
    }
}

/// The driver on a free port, and where it listens.
fn spawn(program: &Path, home: &Path) -> anyhow::Result<(Child, SocketAddr)> {
    let mut command = Command::new(program);
    command.arg("--port=0").env("HOME", home).env("XDG_CONFIG_HOME", home);
    if let Some(libraries) = std::env::var_os("CHROMIUM_LIBRARIES").filter(|path| !path.is_empty()) {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    let mut driver = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let said = driver.stdout.take().context("no output of the driver")?;
    let port = BufReader::new(said).lines().map_while(Result::ok).find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse::<u16>().ok()
    });
    match port {
        Some(port) => Ok((driver, SocketAddr::from(([127, 0, 0, 1], port)))),
        None => {
            driver.kill()?;
            driver.wait()?;
            anyhow::bail!("{} does not start", program.display())
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser is the driver's to close; killing the driver alone would leave it running. Nothing can be awaited here.
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let request = format!(
                "DELETE {} HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                self.session, self.address
            );
            let _ = stream.set_read_timeout(Some(std::time::Duration::from_secs(10)));
            let _ = stream.write_all(request.as_bytes());
            // The answer comes when it is closed.
            let _ = BufReader::new(stream).read_line(&mut String::new());
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
