//! The status page, which the shipped bootstrap has on the listener of the metrics.

use super::*;

/// The filter that the page is.
fn page(said: &mut Said) -> &mut Value {
    said.at("/listeners/1/filter_chains/0/filters/0/typed_config/http_filters/0")
}

fn config(said: &mut Said) -> &mut Value {
    &mut page(said)["typed_config"]["config"]
}

#[test]
fn it_is_one_of_the_plugins_and_looked_at_as_they_are() {
    use Verdict::{Bad, Warning};
    let checks = examine(&Said::shipped().picture());
    let said = |code: &str| checks.iter().find(|check| check.code.id == code).unwrap().said.clone();
    assert_eq!(said("SY0703"), "5 plugins of ours: switchyard, outlier, status");
    assert!(said("SY0709").ends_with("in listener metrics"), "{}", said("SY0709"));
    broken("SY0706", Warning, "switchyard.status: FAIL_CLOSED", |said| {
        remove(config(said), "failure_policy")
    });
    broken("SY0702", Warning, "wasmtime", |said| {
        config(said)["vm_config"]["runtime"] = json!("envoy.wasm.runtime.wasmtime");
    });
    broken("SY0708", Bad, "listener metrics, switchyard.status: has the vm_id \"swtichyard\"", |said| {
        config(said)["vm_config"]["vm_id"] = json!("swtichyard");
    });
}

#[test]
fn where_it_is_not_that_is_said_and_nothing_is_wrong() {
    let mut said = Said::shipped();
    *page(&mut said) = json!({});
    assert_eq!(said.wrong(), []);
    let checks = examine(&said.picture());
    let check = checks.iter().find(|check| check.code.id == "SY0709").unwrap();
    assert_eq!(check.said, "no listener has the status page");
}

#[test]
fn alone_it_is_no_filter() {
    let mut said = Said::shipped();
    let kept = page(&mut said).clone();
    each_plugin(&mut said.bootstrap, &mut |plugin| *plugin = json!({}));
    *page(&mut said) = kept;
    let wrong = said.wrong();
    assert_eq!((wrong.len(), wrong[0].0), (1, "SY0703"), "{wrong:?}");
    assert!(wrong[0].2.contains("the status page alone"), "{wrong:?}");
}

#[test]
fn in_a_listener_of_clients_it_is_warned_of() {
    broken("SY0709", Verdict::Warning, "listener ingress has switchyard and the status page", |said| {
        let page = page(said).clone();
        said.manager("/http_filters").as_array_mut().unwrap().insert(0, page);
    });
    // A filter without a document lets everything pass, and has no clients.
    let mut said = Said::shipped();
    let judge = json!({ "config": { "name": "switchyard.outlier", "vm_config": { "vm_id": "switchyard" }, "failure_policy": "FAIL_RELOAD" } });
    said.at("/listeners/1").as_object_mut().unwrap().insert("beside".to_owned(), judge);
    assert_eq!(said.wrong(), []);
}

/// Its metrics do not say it, so nothing is claimed of it until they do.
#[test]
fn its_version_is_not_claimed_to_be_known() {
    let own = env!("CARGO_PKG_VERSION");
    let said = |said: &Said| {
        let checks = examine(&said.picture());
        checks.into_iter().find(|check| check.code.id == "SY0705").unwrap().said
    };
    let unknown = format!("all modules are {own}; that of status.wasm stands on its page alone");
    assert_eq!(said(&Said::shipped()), unknown);
    let mut without = Said::shipped();
    *page(&mut without) = json!({});
    assert_eq!(said(&without), format!("all modules are {own}"));
    let mut known = Said::shipped();
    known.stat(&ours(&format!("filter=.=status;.;version=.={own};.;build_info")), 1);
    assert_eq!(said(&known), format!("all modules are {own}"));
    broken("SY0705", Verdict::Bad, "0.0.9", |said| {
        said.stat(&ours("filter=.=status;.;version=.=0.0.9;.;build_info"), 1);
    });
}
