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
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            bail!("an admin takes no user and no password; write http://HOST:PORT");
        }
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
            ("envoy:9901/stats?format=json", "has a query"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
            assert!(!error.contains("secret"), "a password is not repeated");
        }
    }
}
