//! `cargo xtask build`: the modules, as small and as cheap to call as they can be.
//!
//! The SDK exports every callback there is, and Envoy calls what is exported: an empty callback still costs a
//! crossing per request. So a filter names the callbacks of streams that it uses in its manifest
//! (`[package.metadata.switchyard] callbacks`), and every other export is cut out, with the code behind it. Those of roots stay in every
//! module: no request pays for them.
//!
//! Invariant: a module imports nothing but the host's `proxy_*` functions.

use crate::setup::{Install, Place, WasmCargo, envoy::hex};
use crate::workspace::{cargo, quietly, wasm_dir};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// Exports that a module needs whatever it does: loading, contexts, configuration.
const ALWAYS: [&str; 4] =
    ["proxy_on_context_create", "proxy_on_delete", "proxy_on_vm_start", "proxy_on_configure"];

/// Callbacks of a root, which every module keeps: the frame asks and tells in them on behalf of every filter, and no request pays for them.
const OF_ROOTS: [&str; 3] = ["on_tick", "on_http_call_response", "on_queue_ready"];

/// The callback for a message in a queue, and ours in its place: `filters/host/src/abi/waking.rs` says why.
const QUEUE: &str = "proxy_on_queue_ready";
const GUARDED_QUEUE: &str = "switchyard_on_queue_ready";

/// A module that is to be built.
struct Plan {
    /// `router` of `switchyard-router`.
    name: String,
    package: String,
    /// The feature of its package that makes it, if that makes several.
    feature: Option<String>,
    /// The callbacks to keep; `None` keeps all.
    callbacks: Option<Vec<String>>,
    /// The package's own sentence.
    description: String,
    /// Whether it is for users: those of tests are not.
    ships: bool,
}

/// A module that was built.
pub(crate) struct Module {
    /// `router`.
    pub(crate) name: String,
    /// The package that it was built of.
    pub(crate) package: String,
    /// What it does, in a sentence.
    pub(crate) description: String,
    pub(crate) path: PathBuf,
    pub(crate) bytes: usize,
    pub(crate) sha256: String,
}

/// Builds every module into `target/wasm`.
///
/// # Errors
/// When the toolchain cannot be set up, the build fails, or a module imports what no host has.
pub(crate) fn build(install: Install) -> Result<Vec<Module>> {
    build_only(&[], install)
}

/// Builds the modules of these names; without names, all.
///
/// # Errors
/// As [`build`]; and when there is no module of a name.
pub(crate) fn build_only(names: &[String], install: Install) -> Result<Vec<Module>> {
    let mut plans = plans(&metadata()?);
    for name in names {
        ensure!(plans.iter().any(|plan| plan.name == *name), "there is no module {name}");
    }
    plans.retain(|plan| names.is_empty() || names.contains(&plan.name));
    build_all(plans, install)
}

/// Builds all but those of these names.
///
/// # Errors
/// As [`build`].
pub(crate) fn build_but(names: &[&str], install: Install) -> Result<Vec<Module>> {
    let all = plans(&metadata()?).into_iter();
    build_all(all.filter(|plan| !names.contains(&plan.name.as_str())).collect(), install)
}

/// Builds those that are for users.
///
/// # Errors
/// As [`build`].
pub(crate) fn build_shipped(install: Install) -> Result<Vec<Module>> {
    build_all(shipped()?, install)
}

/// Those that are for users, as [`build`] left them.
///
/// # Errors
/// When one was not built.
pub(crate) fn built_shipped() -> Result<Vec<Module>> {
    let read = |plan: Plan| {
        let path = path(&plan.name);
        let wasm = std::fs::read(&path).with_context(|| format!("{}: not built", path.display()))?;
        Ok(module(plan, path, &wasm))
    };
    shipped()?.into_iter().map(read).collect()
}

fn shipped() -> Result<Vec<Plan>> {
    Ok(plans(&metadata()?).into_iter().filter(|plan| plan.ships).collect())
}

fn build_all(plans: Vec<Plan>, install: Install) -> Result<Vec<Module>> {
    let wasm_cargo = WasmCargo::set_up(install)?;
    std::fs::create_dir_all(wasm_dir())?;
    let here = Place::here();
    let made = |plan: Plan| {
        let wasm = wasm(&plan, wasm_cargo, &here).with_context(|| plan.name.clone())?;
        let path = path(&plan.name);
        std::fs::write(&path, &wasm)?;
        Ok(module(plan, path, &wasm))
    };
    plans.into_iter().map(made).collect()
}

fn path(name: &str) -> PathBuf {
    wasm_dir().join(format!("{name}.wasm"))
}

fn module(plan: Plan, path: PathBuf, wasm: &[u8]) -> Module {
    let Plan { name, package, description, .. } = plan;
    Module { name, package, description, path, bytes: wasm.len(), sha256: hex(&Sha256::digest(wasm)) }
}

/// The module of this name, built in another place than this checkout, and not kept.
///
/// # Errors
/// As [`build_only`].
pub(crate) fn build_elsewhere(name: &str, place: &Place, install: Install) -> Result<Vec<u8>> {
    let plan = plans(&metadata()?).into_iter().find(|plan| plan.name == name);
    wasm(&plan.with_context(|| format!("there is no module {name}"))?, WasmCargo::set_up(install)?, place)
}

/// The module as it is for Envoy, built in this place.
fn wasm(plan: &Plan, wasm_cargo: WasmCargo, place: &Place) -> Result<Vec<u8>> {
    // One at a time, so that no module takes over features of another; and as a cdylib alone: a library that is
    // made as an rlib too gets no link-time optimisation, which is an eighth of the bytes.
    let mut command = wasm_cargo.command_in(place, "rustc");
    command.args(["--release", "--lib", "--crate-type", "cdylib", "--package", &plan.package]);
    command.args(plan.feature.iter().flat_map(|feature| ["--features", feature]));
    quietly(&format!("building {}", plan.name), &mut command)?;
    let built = place.modules().join(format!("{}.wasm", plan.package.replace('-', "_")));
    let wasm = std::fs::read(&built).with_context(|| format!("reading {}", built.display()))?;
    finish(&wasm, plan.callbacks.as_deref())
}

/// Prints name, size and sha256 of each module.
pub(crate) fn print(modules: &[Module]) {
    println!("{:<18} {:>9}  sha256", "module", "bytes");
    for module in modules {
        let name = module.path.file_name().unwrap_or_default().to_string_lossy();
        println!("{name:<18} {:>9}  {}", module.bytes, module.sha256);
    }
}

fn metadata() -> Result<Value> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version", "1", "--no-deps"]);
    Ok(serde_json::from_str(&quietly("reading the workspace", &mut metadata)?)?)
}

/// The modules of a workspace: packages that are cdylibs or list callbacks are one each, and those that list modules several.
fn plans(metadata: &Value) -> Vec<Plan> {
    let list =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let all = list(metadata, "packages");
    let callbacks = |package: &Value| {
        let listed = package.pointer("/metadata/switchyard/callbacks").and_then(Value::as_array)?;
        Some(listed.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    };
    let named = |name: &str| all.iter().find(|package| text(package, "name").as_deref() == Some(name));
    let top = text(metadata, "workspace_root").unwrap_or_default();
    let filters = std::path::Path::new(&top).join("filters");
    let ships = |package: &Value| {
        text(package, "manifest_path")
            .is_some_and(|manifest| std::path::Path::new(&manifest).starts_with(&filters))
    };
    let mut plans = Vec::new();
    for package in &all {
        let name = text(package, "name").unwrap_or_default();
        if let Some(modules) = package.pointer("/metadata/switchyard/modules").and_then(Value::as_object) {
            plans.extend(modules.iter().map(|(module, of)| Plan {
                name: module.clone(),
                package: name.clone(),
                feature: text(of, "feature"),
                callbacks: text(of, "filter").and_then(|filter| callbacks(named(&filter)?)),
                description: text(package, "description").unwrap_or_default(),
                ships: ships(package),
            }));
            continue;
        }
        let cdylib = |target: &Value| list(target, "kind").contains(&"cdylib".into());
        let kept = callbacks(package);
        if kept.is_some() || list(package, "targets").iter().any(cdylib) {
            let short = name.trim_start_matches("switchyard-").to_owned();
            plans.push(Plan {
                name: short,
                package: name,
                feature: None,
                callbacks: kept,
                description: text(package, "description").unwrap_or_default(),
                ships: ships(package),
            });
        }
    }
    plans
}

/// The module without the callbacks that are not listed, and without what only they used.
fn finish(wasm: &[u8], callbacks: Option<&[String]>) -> Result<Vec<u8>> {
    // Function names are a fifth of the bytes and say nothing that a stripped release should.
    let mut module = walrus::ModuleConfig::new().generate_name_section(false).parse(wasm)?;
    for import in module.imports.iter() {
        ensure!(
            import.module == "env" && import.name.starts_with("proxy_"),
            "imports {}.{}, which no proxy has",
            import.module,
            import.name
        );
    }
    let Some(callbacks) = callbacks else { return Ok(module.emit_wasm()) };
    let keep = |name: &str| {
        !name.starts_with("proxy_on_")
            || ALWAYS.contains(&name)
            || name == "proxy_on_memory_allocate"
            || OF_ROOTS.iter().any(|callback| name.strip_prefix("proxy_") == Some(callback))
            || callbacks.iter().any(|callback| name.strip_prefix("proxy_") == Some(callback))
    };
    let exports: Vec<String> = module.exports.iter().map(|export| export.name.clone()).collect();
    for callback in callbacks {
        ensure!(
            !OF_ROOTS.contains(&callback.as_str()),
            "its manifest lists {callback}, which every module has; take it off the list"
        );
        let export = format!("proxy_{callback}");
        ensure!(exports.contains(&export), "its manifest lists {callback}, but it exports no {export}");
    }
    let unused: Vec<_> =
        module.exports.iter().filter(|export| !keep(&export.name)).map(walrus::Export::id).collect();
    for export in unused {
        module.exports.delete(export);
    }
    guard_queues(&mut module);
    walrus::passes::gc::run(&mut module);
    Ok(module.emit_wasm())
}

/// Has Envoy call our own callback for messages, which is exported under another name, in place of the SDK's.
fn guard_queues(module: &mut walrus::Module) {
    let ours = module.exports.iter().find(|export| export.name == GUARDED_QUEUE).map(walrus::Export::id);
    let sdks = module.exports.iter().find(|export| export.name == QUEUE).map(walrus::Export::id);
    if let (Some(ours), Some(sdks)) = (ours, sdks) {
        module.exports.delete(sdks);
        module.exports.get_mut(ours).name = QUEUE.to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A module with one function behind each of `exports`, importing `import` from `env`.
    fn module(import: &str, exports: &[&str]) -> Vec<u8> {
        let mut module = walrus::Module::default();
        let signature = module.types.add(&[], &[]);
        module.add_import_func("env", import, signature);
        for name in exports {
            let mut function = walrus::FunctionBuilder::new(&mut module.types, &[], &[]);
            function.func_body();
            let function = function.finish(vec![], &mut module.funcs);
            module.exports.add(name, function);
        }
        module.emit_wasm()
    }

    fn exports(wasm: &[u8]) -> Vec<String> {
        walrus::Module::from_buffer(wasm).unwrap().exports.iter().map(|export| export.name.clone()).collect()
    }

    #[test]
    fn our_own_callback_for_messages_takes_the_place_of_the_sdks() {
        let wasm = module("proxy_log", &[GUARDED_QUEUE, "proxy_on_request_headers", QUEUE]);
        let kept = finish(&wasm, Some(&["on_request_headers".to_owned()])).unwrap();
        assert_eq!(exports(&kept), [QUEUE, "proxy_on_request_headers"], "the first is ours");
        let sdks_alone = module("proxy_log", &["proxy_on_request_headers", QUEUE]);
        let kept = finish(&sdks_alone, Some(&["on_request_headers".to_owned()])).unwrap();
        assert_eq!(exports(&kept), ["proxy_on_request_headers", QUEUE]);
    }

    #[test]
    fn only_listed_callbacks_and_what_every_module_needs_stay() {
        let kept = ["malloc", "proxy_on_delete", "proxy_on_done", "proxy_on_memory_allocate"];
        let of_roots = ["proxy_on_tick", "proxy_on_http_call_response", "proxy_on_queue_ready"];
        let all = [&kept[..], &of_roots, &["proxy_on_log"]].concat();
        let cut = finish(&module("proxy_log", &all), Some(&["on_done".to_owned()])).unwrap();
        assert_eq!(exports(&cut), [&kept[..], &of_roots].concat());
        let whole = finish(&module("proxy_log", &all), None).unwrap();
        assert_eq!(exports(&whole), all);
    }

    #[test]
    fn a_package_may_make_several_modules_with_the_callbacks_of_others() {
        let package =
            |name: &str, switchyard: Value| json!({"name": name, "metadata": {"switchyard": switchyard}});
        let plans = plans(&json!({"packages": [
            package("switchyard-a", json!({"callbacks": ["on_request_headers"]})),
            package("switchyard-b", Value::Null),
            package("switchyard-c", json!({"modules": {"a-c": {"feature": "a", "filter": "switchyard-a"}}})),
            {"name": "switchyard-d", "targets": [{"kind": ["cdylib"]}]},
        ]}));
        let made = plans.iter().map(|plan| (&*plan.name, plan.feature.as_deref(), plan.callbacks.is_some()));
        assert_eq!(
            made.collect::<Vec<_>>(),
            [("a", None, true), ("a-c", Some("a"), true), ("d", None, false)]
        );
    }

    #[test]
    fn a_listed_callback_that_is_not_there_is_an_error() {
        let error = finish(&module("proxy_log", &["malloc"]), Some(&["on_dnoe".to_owned()])).unwrap_err();
        assert_eq!(error.to_string(), "its manifest lists on_dnoe, but it exports no proxy_on_dnoe");
    }

    #[test]
    fn a_callback_of_roots_is_not_for_a_filter_to_choose() {
        let error =
            finish(&module("proxy_log", &["proxy_on_tick"]), Some(&["on_tick".to_owned()])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "its manifest lists on_tick, which every module has; take it off the list"
        );
    }

    #[test]
    fn a_module_that_needs_more_than_a_proxy_is_refused() {
        let error = finish(&module("fd_write", &[]), None).unwrap_err();
        assert_eq!(error.to_string(), "imports env.fd_write, which no proxy has");
    }
}
