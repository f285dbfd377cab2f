//! Where an admin interface is.

use anyhow::{Result, bail};
use std::fmt;
use std::str::FromStr;

/// `http://host:port`, maybe with a path, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Address {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        // First of all, so that no other message repeats a password. No path of an admin has an `@`, and a password may have a `/`: so it counts
        // wherever it stands.
        if text.contains('@') {
            bail!("an admin takes no user and no password; write http://HOST:PORT");
        }
        let rest = match text.split_once("://") {
            None => text,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => bail!(
                "{text}: Envoy's admin speaks plain HTTP; write http://{rest}, and where it is behind TLS, forward its port (kubectl \
                 port-forward, ssh -L) and name that"
            ),
            Some((scheme, rest)) => bail!("{text}: {scheme:?} is no scheme of an admin; write http://{rest}"),
        };
        let rest = rest.trim_end_matches('/');
        let url = format!("http://{rest}");
        let uri = match url.parse::<ureq::http::Uri>() {
            Ok(uri) if uri.host().is_some_and(|host| !host.is_empty()) => uri,
            _ => bail!("{text:?}: is no address; write http://HOST:PORT, as in http://127.0.0.1:9901"),
        };
        if uri.query().is_some() || rest.contains('#') {
            bail!("{text}: has a query; write the address alone, as in http://127.0.0.1:9901");
        }
        Ok(Self(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_may_be_missing_and_a_path_is_kept() {
        for (text, address) in [
            ("127.0.0.1:9901", "http://127.0.0.1:9901"),
            (" http://127.0.0.1:9901/ ", "http://127.0.0.1:9901"),
            ("HTTP://envoy:9901", "http://envoy:9901"),
            ("[::1]:9901", "http://[::1]:9901"),
            ("localhost:8001/api/v1/pods/x:15000/proxy/", "http://localhost:8001/api/v1/pods/x:15000/proxy"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), address);
        }
    }

    #[test]
    fn what_is_no_address_of_an_admin_is_refused_with_what_to_write() {
        for (text, said) in [
            ("https://envoy:9901", "write http://envoy:9901"),
            ("ftp://envoy:9901", "\"ftp\" is no scheme"),
            ("", "write http://HOST:PORT"),
            ("http://", "write http://HOST:PORT"),
            ("a b", "write http://HOST:PORT"),
            ("http://me:secret@envoy:9901", "takes no user"),
            ("https://me:secret@envoy:9901", "takes no user"),
            ("ftp://me:secret@envoy:9901", "takes no user"),
            ("me:secret@envoy:9901", "takes no user"),
            ("http://me:sec ret@envoy:9901", "takes no user"),
            ("http://me:secret/x@envoy:9901", "takes no user"),
            ("https:me:secret@envoy", "takes no user"),
            ("http://envoy:9901/?token=secret@x", "takes no user"),
            ("envoy:9901/stats?format=json", "has a query"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
            assert!(!error.contains("sec"), "a password is not repeated: {error}");
        }
    }
}
