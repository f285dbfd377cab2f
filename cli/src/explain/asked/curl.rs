//! A command line of curl.
//!
//! Invariant: an option that changes the request is heard or refused by its name; those about connections and output are passed over.
//! Trade-off: files that it names are not read (`-d @file`), since a command that is pasted should touch nothing.

use super::{Asked, header_of, line};
use anyhow::{Context as _, Result, bail};
use base64::Engine as _;

/// Options about connections and output, which take a value.
const WITH_VALUE: &str = "-o --output -m --max-time --connect-timeout --resolve --connect-to -x --proxy --cacert -E --cert --key \
    --retry --retry-delay --retry-max-time -w --write-out -c --cookie-jar --interface --limit-rate --ciphers --tls-max -D --dump-header \
    --capath --noproxy --unix-socket";
/// Such options that take none; the letters may stand together.
const WITHOUT_VALUE: &str = "-s --silent -S --show-error -v --verbose -i --include -L --location -k --insecure -f --fail -N --no-buffer \
    -O --remote-name -# --progress-bar -0 --http1.0 --http1.1 --http2 --http2-prior-knowledge --http3 -4 --ipv4 -6 --ipv6 \
    --fail-with-body --globoff -g --path-as-is --tcp-nodelay --raw -q --no-keepalive -n --tlsv1.2 --tlsv1.3";

/// What the options say so far.
#[derive(Default)]
struct Said {
    url: Option<String>,
    method: Option<String>,
    head: bool,
    get: bool,
    data: Vec<String>,
    is_json: bool,
    headers: Vec<(String, String)>,
}

/// The request of this command.
///
/// # Errors
/// When it is no command of curl's, or has an option that is not known here.
pub fn from_curl(command: &str) -> Result<Asked> {
    let words = shlex::split(&command.replace("\\\n", " ")).context("its quotes do not end")?;
    let mut words = words.into_iter().skip_while(|word| word == "$" || word == "sudo");
    if words.next().as_deref().and_then(|word| word.rsplit('/').next()) != Some("curl") {
        bail!("does not begin with curl");
    }
    let mut said = Said::default();
    while let Some(word) = words.next() {
        let (option, joined) = split(&word);
        let mut value =
            || joined.clone().or_else(|| words.next()).with_context(|| format!("{option} has no value"));
        said.hear(&option, &mut value)?;
        // Letters that stand together: -sSX POST.
        if let Some(rest) = joined.filter(|_| is_flag(&option)) {
            let mut letters = rest.chars().peekable();
            while let Some(letter) = letters.next() {
                let option = format!("-{letter}");
                let flag = is_flag(&option);
                let tail: String = if flag { String::new() } else { letters.by_ref().collect() };
                let mut value = || {
                    let tail = Some(tail.clone()).filter(|tail| !tail.is_empty());
                    tail.or_else(|| words.next()).with_context(|| format!("{option} has no value"))
                };
                said.hear(&option, &mut value)?;
            }
        }
    }
    said.request()
}

/// An option, and the value that is joined to it: `-XPOST`, `--request=POST`.
fn split(word: &str) -> (String, Option<String>) {
    match word.split_once('=') {
        Some((option, value)) if word.starts_with("--") => (option.to_owned(), Some(value.to_owned())),
        _ if word.starts_with("--") || !word.starts_with('-') || word.len() <= 2 => (word.to_owned(), None),
        _ => match word.split_at_checked(2) {
            Some((option, rest)) => (option.to_owned(), Some(rest.to_owned())),
            None => (word.to_owned(), None),
        },
    }
}

/// Whether an option takes no value.
fn is_flag(option: &str) -> bool {
    matches!(option, "-I" | "-G") || WITHOUT_VALUE.split_whitespace().any(|known| known == option)
}

impl Said {
    fn hear(&mut self, option: &str, value: &mut impl FnMut() -> Result<String>) -> Result<()> {
        match option {
            "-X" | "--request" => self.method = Some(value()?),
            "-H" | "--header" => self.headers.push(header_of(&value()?)?),
            "-d" | "--data" | "--data-raw" | "--data-ascii" | "--data-binary" => {
                self.take(option, value()?)?
            }
            "--json" => {
                self.is_json = true;
                self.take(option, value()?)?;
            }
            "-b" | "--cookie" => self.header("cookie", value()?),
            "-A" | "--user-agent" => self.header("user-agent", value()?),
            "-e" | "--referer" => self.header("referer", value()?),
            "-r" | "--range" => self.header("range", format!("bytes={}", value()?)),
            "-u" | "--user" => {
                let text = base64::engine::general_purpose::STANDARD.encode(value()?);
                self.header("authorization", format!("Basic {text}"));
            }
            "--compressed" => self.header("accept-encoding", "deflate, gzip, br, zstd".to_owned()),
            "-I" | "--head" => self.head = true,
            "-G" | "--get" => self.get = true,
            "--url" => self.url = Some(value()?),
            _ if WITH_VALUE.split_whitespace().any(|known| known == option) => drop(value()?),
            _ if is_flag(option) => {}
            _ if option.starts_with('-') => {
                bail!(
                    "its option {option} is not known here; take it out, or give the request with --request and -H"
                )
            }
            url => self.url = Some(url.to_owned()),
        }
        Ok(())
    }

    fn header(&mut self, name: &str, value: String) {
        self.headers.push((name.to_owned(), value));
    }

    fn take(&mut self, option: &str, data: String) -> Result<()> {
        if option != "--data-raw" && data.starts_with('@') {
            bail!("{option} {data} names a file, which is not read; give the body with --body {data}");
        }
        self.data.push(data);
        Ok(())
    }

    fn request(self) -> Result<Asked> {
        let url = self.url.context("names no URL")?;
        let url = if url.contains("://") { url } else { format!("http://{url}") };
        let data = self.data.join("&");
        let has_body = !self.data.is_empty() && !self.get;
        let usual = match (self.head, has_body) {
            (true, _) => "HEAD",
            (_, true) => "POST",
            _ => "GET",
        };
        let mut request = line::of_target(self.method.as_deref().unwrap_or(usual), &url)?;
        if self.get && !data.is_empty() {
            let path = request.header(":path").to_owned();
            let mark = if path.contains('?') { '&' } else { '?' };
            request.add(":path", &format!("{path}{mark}{data}"));
        }
        for (name, value) in &self.headers {
            request.add(name, value);
        }
        let kind = if self.is_json { "application/json" } else { "application/x-www-form-urlencoded" };
        let accept = if self.is_json { "application/json" } else { "*/*" };
        let usual =
            [("accept", accept, true), ("user-agent", "curl", true), ("content-type", kind, has_body)];
        for (name, value, _) in usual.into_iter().filter(|(_, _, is_sent)| *is_sent) {
            if !request.has(name) {
                request.add(name, value);
            }
        }
        if has_body {
            request.body = data.into_bytes();
        }
        Ok(Asked::from(request))
    }
}
