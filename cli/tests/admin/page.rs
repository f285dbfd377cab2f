//! The program against a status page.

use super::*;

/// A status page: the first that it is asked for has nothing of the workers, and all later ones have.
fn status_page(looks: &Mutex<u64>, stream: &mut TcpStream) {
    let mut looks = looks.lock().expect("not poisoned");
    *looks += 1;
    let body = match *looks {
        1 => r#"{"version": 1, "asking": true, "workers": [{}]}"#,
        _ => {
            r#"{"version": 1, "asking": false, "workers": [{}], "counters_at_ms": 5, "upstreams": [{"name": "web", "policy": "random"}]}"#
        }
    };
    respond(stream, "200 OK", "application/json", body);
}

#[test]
fn one_look_at_the_status_page_has_what_workers_say_though_nobody_looked_before() {
    for output in ["text", "json"] {
        let looks = Mutex::new(0);
        let arguments = ["status", "--watch", "--looks", "1", "--output", output];
        let (ended, asked, _) = against(&arguments, |_, stream| status_page(&looks, stream));
        assert_eq!((ended.code, ended.errors.as_str()), (0, ""));
        assert_eq!(asked, ["GET /status.json HTTP/1.1"; 2]);
        assert!(ended.out.contains("web") && ended.out.contains("random"), "{}", ended.out);
        // Who is answered at once asks once.
        let (_, asked, _) = against(&arguments, |_, stream| status_page(&looks, stream));
        assert_eq!(asked.len(), 1);
    }
}

/// Workers that never answer are asked once more and not for ever.
#[test]
fn a_status_page_whose_workers_are_gone_is_shown_as_it_is() {
    let gone = r#"{"version": 1, "asking": true, "workers": [{}]}"#;
    let (ended, asked, _) = against(&["status", "--watch", "--looks", "1"], |_, stream| {
        respond(stream, "200 OK", "application/json", gone);
    });
    assert_eq!((ended.code, asked.len()), (0, 2));
    assert!(ended.out.contains("1 roots in workers, asking them"), "{}", ended.out);
}
