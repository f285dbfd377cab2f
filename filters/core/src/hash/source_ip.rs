//! The client's address as Envoy gives it, `source.address` = `ip:port`, without the port.

/// The IP of `10.0.0.7:51234` or `[2001:db8::1]:51234`, as Envoy's own source-IP hash policy sees it.
///
/// What has no port (a pipe's path) is returned whole.
pub fn without_port(address: &[u8]) -> &[u8] {
    if let Some(inner) = address.strip_prefix(b"[") {
        return inner.split(|byte| *byte == b']').next().unwrap_or(inner);
    }
    match address.iter().rposition(|byte| *byte == b':') {
        Some(colon) => address.get(..colon).unwrap_or(address),
        None => address,
    }
}

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn the_port_is_cut_off_for_both_families() {
        assert_eq!(without_port(b"10.0.0.7:51234"), b"10.0.0.7");
        assert_eq!(without_port(b"[2001:db8::1]:51234"), b"2001:db8::1");
        assert_eq!(without_port(b"/var/run/pipe"), b"/var/run/pipe");
        assert_eq!(without_port(b""), b"");
        assert_eq!(without_port(b"[broken"), b"broken");
    }
}
