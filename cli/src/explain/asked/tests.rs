//! Requests in the forms that people have them.

use super::{Asked, body_of, from_access_log, from_curl, from_line, header_of};
use crate::decision::Request;
use proptest::prelude::*;

fn told(request: &Request) -> (String, Vec<(String, String)>) {
    let of = |name: &str| request.header(name).to_owned();
    let first = format!("{} {} {} {}", of(":method"), of(":scheme"), of(":authority"), of(":path"));
    (first, request.head().into_iter().filter(|(name, _)| !name.starts_with(':')).collect())
}

fn line(text: &str) -> Result<String, String> {
    from_line(text).map(|request| told(&request).0).map_err(|error| error.to_string())
}

#[test]
fn a_line_has_a_method_a_path_or_a_url() {
    let good = [
        ("GET /cart", "GET http  /cart"),
        ("/cart?a=b#c", "GET http  /cart?a=b"),
        ("POST /rpc HTTP/1.1", "POST http  /rpc"),
        ("  DELETE   https://user@shop.test:8443/a?b ", "DELETE https shop.test:8443 /a?b"),
        ("http://shop.test", "GET http shop.test /"),
        ("http://shop.test?a=b", "GET http shop.test /?a=b"),
        ("OPTIONS *", "OPTIONS http  *"),
        ("CONNECT db.test:443 HTTP/1.1", "CONNECT http db.test:443 "),
    ];
    for (text, wanted) in good {
        assert_eq!(line(text).as_deref(), Ok(wanted), "{text:?}");
    }
    let wrong = [
        ("", "is empty; write 'GET /path'"),
        ("cart", "\"cart\" is neither a path, which begins with a slash, nor a URL"),
        ("G/T /cart", "\"G/T\" is no method; write 'GET /path'"),
        ("CONNECT /", "\"/\" is no host:port; a CONNECT has no path, write 'CONNECT shop.example:443'"),
        ("GET /a b", "has a space in its path, \"/a\" and what follows; write it as %20"),
    ];
    for (text, wanted) in wrong {
        assert_eq!(line(text), Err(wanted.to_owned()), "{text:?}");
    }
}

#[test]
fn a_header_is_a_name_and_a_value() {
    let of = |text: &str| header_of(text).map_err(|error| error.to_string());
    let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
    assert_eq!(of("X-User:  alice "), pair("X-User", "alice"));
    assert_eq!(of("x:"), pair("x", ""));
    assert_eq!(of(":authority: shop.test:80"), pair(":authority", "shop.test:80"));
    assert_eq!(of("x-user=alice"), Err("is no header; write 'name: value'".to_owned()));
    assert_eq!(of("a b: c"), Err("\"a b\" is no name of a header".to_owned()));
}

#[test]
fn a_body_is_a_text_or_a_file() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("body");
    std::fs::write(&path, b"from a file").unwrap();
    assert_eq!(body_of("text").unwrap(), b"text");
    assert_eq!(body_of(&format!("@{}", path.display())).unwrap(), b"from a file");
    assert!(body_of("@/does/not/exist").unwrap_err().to_string().starts_with("--body @/does/not/exist"));
}

/// A file without end is not read to its end.
#[test]
fn a_body_is_read_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hole");
    std::fs::File::create(&path).unwrap().set_len(100 << 20).unwrap();
    for endless in [path.as_path(), std::path::Path::new("/dev/zero")] {
        let error = body_of(&format!("@{}", endless.display())).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("--body @{}: is longer than 64 MiB, the most that is read", endless.display())
        );
    }
}

/// First line, headers and body.
type Told = (String, Vec<(String, String)>, String);

fn curl(command: &str) -> Result<Told, String> {
    let asked = from_curl(command).map_err(|error| error.to_string())?;
    let (first, headers) = told(&asked.request);
    Ok((first, headers, String::from_utf8(asked.request.body).unwrap()))
}

fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_command_of_curl_is_the_request_that_it_makes() {
    let usual = [("accept", "*/*"), ("user-agent", "curl")];
    let (first, headers, body) = curl("curl shop.test/cart").unwrap();
    assert_eq!((first.as_str(), headers, body.as_str()), ("GET http shop.test /cart", owned(&usual), ""));

    let command = "$ curl -sSX PUT 'https://shop.test/cart?a=b' \\\n -H 'X-User: alice' --data-raw '@{\"a\": 1}' -o /dev/null --max-time=3";
    let (first, headers, body) = curl(command).unwrap();
    assert_eq!((first.as_str(), body.as_str()), ("PUT https shop.test /cart?a=b", "@{\"a\": 1}"));
    let form = ("content-type", "application/x-www-form-urlencoded");
    assert_eq!(headers, owned(&[("x-user", "alice"), usual[0], usual[1], form, ("content-length", "9")]));

    let (first, headers, _) =
        curl("/usr/bin/curl -XDELETE -Huser-agent:me -b a=b -u me:you http://x/").unwrap();
    assert_eq!(first, "DELETE http x /");
    let own = [("user-agent", "me"), ("cookie", "a=b"), ("authorization", "Basic bWU6eW91"), usual[0]];
    assert_eq!(headers, owned(&own));
}

#[test]
fn data_makes_a_post_or_a_query() {
    let first = |command: &str| curl(command).map(|(first, _, body)| (first, body)).unwrap();
    assert_eq!(first("curl x -d a=1 --data b=2"), ("POST http x /".to_owned(), "a=1&b=2".to_owned()));
    assert_eq!(first("curl -G 'x/?z' -d a=1"), ("GET http x /?z&a=1".to_owned(), String::new()));
    assert_eq!(first("curl -I x").0, "HEAD http x /");
    let (_, headers, _) = curl("curl x --json '{}'").unwrap();
    assert!(headers.contains(&("content-type".to_owned(), "application/json".to_owned())));
}

#[test]
fn what_of_curl_is_not_known_is_refused_by_its_name() {
    let wrong = [
        ("wget x", "does not begin with curl"),
        ("curl 'x", "its quotes do not end"),
        ("curl -s", "names no URL"),
        ("curl x -H", "-H has no value"),
        (
            "curl x -F a=b",
            "its option -F is not known here; take it out, or give the request with --request and -H",
        ),
        ("curl x -d @file", "-d @file names a file, which is not read; give the body with --body @file"),
    ];
    for (command, wanted) in wrong {
        assert_eq!(curl(command), Err(wanted.to_owned()), "{command}");
    }
}

const LINE: &str = r#"[2026-03-01T10:00:00.123Z] "POST /cart?a=b HTTP/1.1" 200 - 17 34 5 4 "203.0.113.9,10.0.0.7" "curl/8.1" "0a-1" "shop.test" "10.0.0.2:80""#;

#[test]
fn a_line_of_the_access_log_has_what_envoy_wrote() {
    let Asked { request, notes, went_to } = from_access_log(LINE).unwrap();
    let (first, headers) = told(&request);
    assert_eq!(first, "POST http shop.test /cart?a=b");
    let known =
        [("user-agent", "curl/8.1"), ("x-request-id", "0a-1"), ("x-forwarded-for", "203.0.113.9,10.0.0.7")];
    assert_eq!(headers, owned(&known));
    assert_eq!((request.source_ip.as_deref(), went_to.as_deref()), (Some("10.0.0.7"), Some("10.0.0.2:80")));
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert_eq!(notes[2], "the log has no body, of which 17 bytes were received: add it with --body");
}

#[test]
fn what_a_line_of_the_access_log_lacks_is_a_dash() {
    let line = r#"[t] "GET / HTTP/2" 503 UH 0 19 0 - "-" "-" "-" "-" "-""#;
    let asked = from_access_log(line).unwrap();
    assert_eq!(told(&asked.request), ("GET http  /".to_owned(), Vec::new()));
    assert_eq!((asked.request.source_ip, asked.went_to, asked.notes.len()), (None, None, 1));
}

#[test]
fn a_connect_of_the_access_log_goes_to_its_authority() {
    let line = LINE.replace("POST /cart?a=b", "CONNECT -").replace("\"shop.test\"", "\"shop.test:443\"");
    let asked = from_access_log(&line).unwrap();
    assert_eq!(told(&asked.request).0, "CONNECT http shop.test:443 ");
}

#[test]
fn a_line_of_another_format_is_refused() {
    let wrong = |line: &str| from_access_log(line).unwrap_err().to_string();
    assert_eq!(wrong(r#"{"path": "/"}"#), "has 3 fields; Envoy's default format has 13");
    assert_eq!(wrong("[never ends"), "is no line of Envoy's default format");
    assert_eq!(
        wrong(&LINE.replace("POST /cart?a=b HTTP/1.1", "- - -")),
        "\"-\" is neither a path, which begins with a slash, nor a URL"
    );
}

proptest! {
    /// Whatever is pasted, there is a request or a message.
    #[test]
    fn nothing_pasted_makes_it_panic(text in ".{0,80}", options in "curl( -[a-zA-Z]{1,3}| --[a-z]{1,8}| x| '[^']*'){0,6}") {
        let _ = (from_line(&text), from_curl(&text), from_access_log(&text), from_curl(&options), header_of(&text));
    }
}
