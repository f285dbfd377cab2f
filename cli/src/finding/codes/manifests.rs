//! SY06: Kubernetes manifests.

use super::{Code, Severity, codes};

codes! {
    /// Manifests of others.
    NO_PLUGIN_IN_MANIFEST = Error "SY0601" "no Switchyard plugin in the manifests"
        "None of the manifests carries a plugin of Switchyard's, so there is nothing to check: an EnvoyFilter for another plugin, or one that \
         only patches clusters. A plugin is Switchyard's if its name begins with `switchyard` (also behind a namespace, as in `shop/switchyard`), \
         or if its module or image is called so.";
    /// The order of patches is left to chance.
    NO_PRIORITY = Warning "SY0602" "the EnvoyFilter has no priority"
        "EnvoyFilters are applied by priority, then by the age of the resource: after a restore or a move to another cluster their order is \
         another one, and a patch may come before what it patches. istioctl warns of it, too (IST0151). Add `spec.priority: 10`.";
    /// What the platform cannot set.
    NO_STOP_FLAG_THERE = Warning "SY0603" "this kind of manifest cannot ask for the bodies that the document needs"
        "WasmPlugin, TrafficExtension and EnvoyExtensionPolicy have no field for `allow_on_headers_stop_iteration`, without which bodies never \
         come: the requests are neither coalesced nor batched nor judged by their bodies, and wait in vain. In Istio bring the plugin by an \
         EnvoyFilter with EXTENSION_CONFIG. In Envoy Gateway an EnvoyPatchPolicy can set it in the listener, which it does not allow unless it is told \
         to (`extensionApis: {enableEnvoyPatchPolicy: true}`): `switchyard render envoy-gateway` makes one, as envoy-config/envoy-gateway has it. \
         This is no more than a warning since that policy stands in another file; without it leave those sections out.";
    /// What becomes of a worker after a trap.
    NO_RELOAD_THERE = Warning "SY0604" "the manifest does not ask for a reload after a trap"
        "`failStrategy` is not `FAIL_RELOAD`: after a trap a worker answers 503, or goes on without the filter, until the proxy is started anew. \
         Set `failStrategy: FAIL_RELOAD`; versions of Istio that do not know it refuse the manifest.";
    /// An image that changes.
    UNPINNED_IMAGE = Warning "SY0605" "the image can change under its name"
        "The image has no tag, or `latest`, and no digest: which filter runs depends on when a proxy pulled it. Name a version, or pin the \
         digest (`sha256`, or `@sha256:…`).";
    /// Failing open.
    FAILS_OPEN = Warning "SY0606" "the proxy goes on without the filter when it fails"
        "With `failOpen` or `FAIL_OPEN` a module that cannot be loaded, or that trapped, or a document that is refused, is passed over in \
         silence: requests are not steered, and nobody is told. Leave it out unless that is meant.";
}
