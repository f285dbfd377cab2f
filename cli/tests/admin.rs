//! `status` and `doctor` against admins that are none, are slow, say too much or too little: the exact complaint and the exit code.

mod page;

use crate::program::{ended, switchyard};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// How a command ended.
struct Ended {
    code: i32,
    out: String,
    errors: String,
}

fn run(arguments: &[&str]) -> Ended {
    // An admin is asked directly, whatever the environment says of proxies.
    let (code, out, errors) = ended(switchyard(arguments).env("http_proxy", "http://127.0.0.1:1"));
    Ended { code, out, errors }
}

/// Runs a command against a server that answers each request line so; returns what it was asked, too.
fn against(
    arguments: &[&str],
    answer: impl Fn(&str, &mut TcpStream) + Sync,
) -> (Ended, Vec<String>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (done, asked) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            for stream in listener.incoming() {
                if done.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(mut stream) = stream else { continue };
                let Some(line) = request_line(&stream) else { continue };
                asked.lock().expect("not poisoned").push(line.clone());
                answer(&line, &mut stream);
            }
        });
        let url = format!("{address}");
        let mut all = arguments.to_vec();
        all.insert(1, &url);
        let ended = run(&all);
        done.store(true, Ordering::SeqCst);
        // Wakes the one that accepts.
        drop(TcpStream::connect(address));
        ended
    });
    (ended, asked.into_inner().expect("not poisoned"), address)
}

fn request_line(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    Some(first.trim().to_owned())
}

/// A whole answer; one that cannot be written has no reader any more.
fn respond(stream: &mut TcpStream, status: &str, kind: &str, body: &str) {
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
}

/// An Envoy without a plugin of ours.
fn plain_envoy(line: &str, stream: &mut TcpStream) {
    let body = match line.split(' ').nth(1).unwrap_or_default() {
        "/server_info" => {
            r#"{"version": "c/1.40.0/Clean/RELEASE/BoringSSL", "state": "LIVE", "uptime_current_epoch": "61s", "command_line_options": {"concurrency": 2}}"#
        }
        "/config_dump" => r#"{"configs": []}"#,
        path if path.starts_with("/clusters") => r#"{"cluster_statuses": []}"#,
        path if path.starts_with("/stats") => r#"{"stats": []}"#,
        path => panic!("{path} is not to be asked for"),
    };
    respond(stream, "200 OK", "application/json", body);
}

/// The command fails with this on standard error, `{at}` being the server, and nothing on standard output.
fn fails(arguments: &[&str], said: &str, answer: impl Fn(&str, &mut TcpStream) + Sync) {
    let (ended, _, address) = against(arguments, answer);
    let at = format!("http://{address}");
    let said = format!("error: {}", said.replace("{at}", &at));
    assert!(ended.errors.starts_with(&said), "{:?} does not begin with {said:?}", ended.errors);
    assert_eq!(
        (ended.code, ended.out.as_str(), ended.errors.lines().count()),
        (2, "", 1),
        "{}",
        ended.errors
    );
}

#[test]
fn nobody_listens() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    for command in ["doctor", "status"] {
        let ended = run(&[command, &free.to_string()]);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""));
        let said = format!(
            "error: http://{free}: cannot be reached, nobody listens there; the address is that of `admin:`"
        );
        assert!(ended.errors.starts_with(&said), "{}", ended.errors);
    }
}

#[test]
fn what_is_no_address() {
    for (url, said) in [
        (
            "https://127.0.0.1:9901",
            "error: https://127.0.0.1:9901: Envoy's admin speaks plain HTTP; write http://127.0.0.1:9901",
        ),
        ("http://", "error: \"http://\": is no address; write http://HOST:PORT"),
        ("http://127.0.0.1:9901/stats?x", "error: http://127.0.0.1:9901/stats?x: has a query"),
    ] {
        let ended = run(&["doctor", url]);
        assert!(ended.code == 2 && ended.errors.starts_with(said), "{url}: {}", ended.errors);
    }
    let ended = run(&["doctor", "127.0.0.1:1", "--timeout", "0"]);
    assert!(ended.code == 2 && ended.errors.contains("0 is not in 1..=600"), "{}", ended.errors);
}

#[test]
fn html_instead_of_json() {
    fails(
        &["doctor"],
        "{at}/server_info: answers with HTML and not with JSON, so it is no Envoy's admin",
        |_, stream| {
            respond(stream, "200 OK", "text/html", "<!DOCTYPE html><html></html>");
        },
    );
}

#[test]
fn another_server() {
    fails(
        &["status"],
        "{at}/server_info: answers 404 and not 200, so it is no Envoy's admin",
        |_, stream| {
            respond(stream, "404 Not Found", "text/plain", "no");
        },
    );
    fails(
        &["status"],
        "{at}: answers /server_info with JSON that has no version and no state",
        |_, stream| {
            respond(stream, "200 OK", "application/json", "{}");
        },
    );
    fails(&["status"], "{at}/server_info: answers 301 and not 200", |_, stream| {
        let _ = write!(
            stream,
            "HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
        );
    });
    fails(&["status"], "{at}/server_info: speaks no HTTP that is understood", |_, stream| {
        let _ = write!(stream, "SSH-2.0-OpenSSH_9.2\r\n");
    });
}

#[test]
fn a_path_that_is_not_allowed() {
    fails(
        &["doctor"],
        "{at}/config_dump: 403, so its admin.allow_paths lets this path through to nobody; add {prefix: /server_info}, {prefix: /config_dump}",
        |line, stream| match line.contains("/config_dump") {
            true => {
                respond(stream, "403 Forbidden", "text/plain", "request to path /config_dump not allowed")
            }
            false => plain_envoy(line, stream),
        },
    );
}

#[test]
fn an_answer_that_breaks_off() {
    fails(&["doctor"], "{at}/server_info: the answer breaks off", |_, stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{{\"version\": \"c/1.40");
    });
    fails(&["doctor"], "{at}/server_info: the answer breaks off after 15 bytes of JSON", |_, stream| {
        respond(stream, "200 OK", "application/json", "{\"version\": \"c/");
    });
}

#[test]
fn an_answer_without_end() {
    fails(
        &["doctor", "--timeout", "60"],
        "{at}/server_info: the answer is longer than 64 MiB, the most that is read",
        |_, stream| {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
            let piece = [b' '; 1 << 16];
            while stream.write_all(&piece).is_ok() {}
        },
    );
}

#[test]
fn an_answer_that_does_not_come() {
    fails(
        &["doctor", "--timeout", "1"],
        "{at}/server_info: no whole answer within 1 s; a busy or large Envoy takes longer, so try --timeout 4",
        |_, stream| {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{{");
            // Until the client has gone.
            let _ = stream.read(&mut [0]);
        },
    );
}

#[test]
fn an_envoy_without_our_plugins_is_told_from_none_and_only_asked() {
    let (ended, asked, address) = against(&["doctor"], plain_envoy);
    assert_eq!((ended.code, ended.errors.as_str()), (1, ""));
    let said = format!(
        "Reaching Envoy\n  ✓ Envoy 1.40.0 answers and is known to work\n\nModules\n  ✗ no listener, no cluster and no extension has a plugin of \
         ours  SY0703\n    → add the filter, as place (1) of envoy-config/envoy.yaml has it; if it is there, this is another Envoy\n\n\
         http://{address}: 1 thing does not work, 0 warnings\n"
    );
    assert_eq!(ended.out, said, "without colours, since this is no terminal");
    assert_eq!(asked.len(), 4);
    assert!(asked.iter().all(|line| line.starts_with("GET ")), "{asked:?}");

    let (ended, _, address) = against(&["status"], plain_envoy);
    let said = format!(
        "Envoy 1.40.0 at http://{address}, LIVE for 1m 1s, 2 workers\n\nIt runs no plugin of Switchyard's.\n"
    );
    assert_eq!((ended.code, ended.out, ended.errors.as_str()), (1, said, ""));
}

#[test]
fn both_speak_json() {
    let (ended, _, _) = against(&["doctor", "--output", "json"], plain_envoy);
    let all: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!((ended.code, &all["checks"][1]["code"]), (1, &serde_json::json!("SY0703")));
    let (ended, _, _) = against(&["status", "--output", "json"], plain_envoy);
    let all: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!((ended.code, &all["envoy"]["workers"]), (1, &serde_json::json!(2)));
}

/// What an Envoy says cannot steer the terminal of who asks, be the output coloured or not, a result or an error.
#[test]
fn control_characters_of_an_envoy_reach_no_terminal() {
    let hostile = |line: &str, stream: &mut TcpStream| {
        if !line.contains("/server_info") {
            return plain_envoy(line, stream);
        }
        let version = r"c/1.40.0\u001b]0;mine\u0007\u009b2J\u202e/Clean/RELEASE/BoringSSL";
        respond(
            stream,
            "200 OK",
            "application/json",
            &format!(r#"{{"version": "{version}", "state": "LIVE"}}"#),
        );
    };
    for (command, output) in [("status", "text"), ("status", "json"), ("doctor", "text"), ("doctor", "json")]
    {
        let (ended, ..) = against(&[command, "--output", output], hostile);
        let all = format!("{}{}", ended.out, ended.errors);
        assert!(!all.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{command} {output}: {all:?}");
        assert!(all.contains(r"\u001b]0;mine\u0007\u009b2J\u202e"), "{command} {output}: {all:?}");
    }
}
