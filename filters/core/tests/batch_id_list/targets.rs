//! Which paths ask for objects, and what goes upstream for them.

use super::{comma, joined, read, repeated, settings};
use switchyard_core::batch::{IdForm, IdList, Protocol, Why};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn refused(protocol: &Protocol, path: &str) -> Option<(usize, Why)> {
    read(protocol, path).err().map(|refusal| (refusal.at, refusal.why))
}

#[test]
fn single_objects_and_lists_become_one_list() {
    assert_eq!(joined(&comma(), &["/items/7", "/items?ids=1,2", "/items/x-9"]), "/items?ids=7,1,2,x-9");
    assert_eq!(joined(&repeated(), &["/items/7", "/items?ids=1&ids=2"]), "/items?ids=7&ids=1&ids=2");
    assert_eq!(joined(&comma(), &["/items/7"]), "/items?ids=7");
}

#[test]
fn an_id_that_several_ask_for_is_asked_for_once() {
    assert_eq!(joined(&comma(), &["/items/1", "/items?ids=2,1", "/items/1", "/items/2"]), "/items?ids=1,2");
    assert_eq!(
        joined(&comma(), &["/items/a%3Ab", "/items/a:b"]),
        "/items?ids=a%3Ab",
        "however it is written"
    );
    assert_eq!(joined(&repeated(), &["/items/1", "/items?ids=1"]), "/items?ids=1");
}

#[test]
fn ids_go_on_as_they_came() {
    let paths = ["/items/a%2Fb", "/items?ids=%7e,A%3d%3D", "/items/x@y:z_.~-"];
    assert_eq!(joined(&comma(), &paths), "/items?ids=a%2Fb,%7e,A%3d%3D,x@y:z_.~-");
}

#[test]
fn the_rest_of_the_query_must_be_the_same_and_goes_along() {
    let group = |path| read(&comma(), path).expect("ids").group;
    let one = group("/items?lang=en&ids=1&v=2");
    for same in ["/items?ids=2&lang=en&v=2", "/items/3?lang=en&v=2", "/items?lang=en&&v=2&ids=4,5"] {
        assert_eq!(one, group(same), "{same}");
    }
    for other in
        ["/items?ids=1", "/items?ids=1&v=2&lang=en", "/items?ids=1&lang=EN&v=2", "/items/1?lang=en&v=%32"]
    {
        assert_ne!(one, group(other), "{other}");
    }
    assert_eq!(
        joined(&comma(), &["/items/1?lang=en&v", "/items?lang=en&ids=2&v"]),
        "/items?lang=en&v&ids=1,2"
    );
    assert!(comma().groups_by_path());
    assert_eq!(comma().name(), "id_list");
}

#[test]
fn a_comma_parts_a_list_of_commas_encoded_or_not() {
    let part = read(&comma(), "/items?ids=1%2C2%2c3,4&ids=5").expect("ids");
    assert_eq!((part.items(), part.weight, part.is_repeatable), (5, 10, true));
    assert_eq!(joined(&comma(), &["/items?ids=1%2C2%2c3,4&ids=5"]), "/items?ids=1,2,3,4,5");
    let part = read(&repeated(), "/items?ids=10&ids=2").expect("ids");
    assert_eq!((part.items(), part.weight), (2, 2 + 5 + 1 + 5));
}

#[test]
fn other_paths_go_by_themselves() {
    for (path, at) in [
        ("/", 0),
        ("/item", 0),
        ("/Items/1", 0),
        ("/%69tems/1", 0),
        ("/items2?ids=1", 6),
        ("/items/1/parts", 7),
        ("/items/1/", 7),
        ("/items/1?ids=2", 6),
        ("/items/.", 6),
        ("/items/..", 6),
        ("/items/../admin?ids=1", 6),
    ] {
        assert_eq!(refused(&comma(), path), Some((at, Why::Path)), "{path}");
    }
    for (path, at) in [("/items", 6), ("/items?", 7), ("/items?lang=en", 14)] {
        assert_eq!(refused(&comma(), path), Some((at, Why::Empty)), "{path}");
    }
}

#[test]
fn single_objects_are_left_alone_where_the_configuration_says_so() {
    let protocol = Protocol::IdList(IdList { takes_single: false, ..settings(IdForm::Comma) });
    assert_eq!(refused(&protocol, "/items/1"), Some((6, Why::Path)));
    assert_eq!(joined(&protocol, &["/items?ids=1"]), "/items?ids=1");
}

#[test]
fn an_id_that_could_end_early_in_a_query_goes_by_itself() {
    for id in [
        "a&ids=9", "a+b", "a;b", "a=b", "a,b", "a%2Cb", "a%2cb", "a#b", "a b", "a%20b", "a%00b", "a%0Ab",
        "%", "a%2", "%zz", "%+1", "é", "%C3%A9", "%ff", "a!", "a'b", "a\"b", "<a>", "a[0]",
    ] {
        let path = format!("/items/{id}");
        assert!(matches!(refused(&comma(), &path), Some((_, Why::Path))), "{path}");
        assert!(matches!(refused(&repeated(), &path), Some((_, Why::Path))), "{path}");
    }
    assert_eq!(comma().read(b"GET", b"/items/\xff", b"").map_err(|refusal| refusal.at), Err(7));
}

#[test]
fn a_list_with_an_id_that_is_empty_or_there_twice_goes_by_itself() {
    for (path, at) in [
        ("/items?ids=", 11),
        ("/items?ids", 10),
        ("/items?ids=1,", 13),
        ("/items?ids=1,,2", 13),
        ("/items?x=y&ids=1,%2c2", 17),
        ("/items/", 7),
    ] {
        assert_eq!(refused(&comma(), path), Some((at, Why::Path)), "{path}");
    }
    for path in ["/items?ids=1,1", "/items?ids=1&ids=1", "/items?ids=a,%61"] {
        assert_eq!(refused(&comma(), path), Some((0, Why::Path)), "{path}");
    }
    assert_eq!(refused(&repeated(), "/items?ids=1&ids=1,2"), Some((17, Why::Path)));
}

#[test]
fn a_parameter_that_a_server_could_take_for_the_list_keeps_a_request_out() {
    for name in ["%69ds", "IDs", "ids[]", "ids%5B%5D", "ids[0]", "%49DS", "%zz", "%"] {
        let path = format!("/items?ids=1&{name}=2");
        assert_eq!(refused(&comma(), &path), Some((13, Why::Path)), "{path}");
        let path = format!("/items/1?{name}");
        assert_eq!(refused(&comma(), &path), Some((9, Why::Path)), "{path}");
    }
    assert_eq!(refused(&comma(), "/items?ids=1&a;ids=2"), Some((13, Why::Path)));
    assert_eq!(refused(&comma(), "/items?ids=1&a#ids=2"), Some((13, Why::Path)));
    for name in ["id", "idsx", "xids", "filter%5Bids%5D", "é", ""] {
        assert_eq!(refused(&comma(), &format!("/items?ids=1&{name}=2")), None, "{name}");
    }
}

#[test]
fn only_a_get_without_a_body_asks_for_objects() {
    for (method, body) in [("POST", ""), ("HEAD", ""), ("get", ""), ("GET", "x")] {
        let refusal = comma().read(method.as_bytes(), b"/items/1", body.as_bytes()).err();
        assert_eq!(refusal.map(|refusal| refusal.why), Some(Why::Method), "{method}");
    }
}
