//! SY05: what is around a plugin in Envoy's configuration.

use super::{Code, Severity, codes};

codes! {
    /// A cluster that the document names and Envoy lacks.
    NO_CLUSTER = Warning "SY0501" "no such cluster"
        "The document names a cluster that the file around it does not have: requests for it are answered 503, and endpoints that are to be \
         asked for are never known. It is not looked for where a control plane sends clusters (`cds_config`).";
    /// A token that is taken off without a word.
    SILENT_TOKEN = Warning "SY0502" "the token is taken off in front of the filter"
        "Envoy's jwt_authn, in front of the plugin, takes the token off the request and leaves no word of who asks. The filter takes all users \
         for one, and they share answers, calls or old answers. Set `payload_in_metadata` for the provider (or `forward`, \
         `forward_payload_header`, `claim_to_headers`).";
    /// Endpoints that are named in vain.
    NO_OVERRIDE_HOST = Warning "SY0503" "the cluster does not look at the endpoints that are named"
        "The router names endpoints in `x-gateway-destination-endpoint`. The cluster's policy is not override_host, or reads no header, so Envoy \
         chooses by itself. envoy-config/envoy.yaml has the policy, at (3).";
    /// Clusters that Envoy refuses.
    REFUSED_POLICY = Error "SY0504" "Envoy refuses override_host beside this setting"
        "Envoy refuses a cluster that has override_host in `load_balancing_policy` together with `lb_subset_config`, or with \
         `zone_aware_lb_config`, `locality_weighted_lb_config` or `consistent_hashing_lb_config` in `common_lb_config`. Remove that; zones are \
         preferred by `balance.zone_aware` of the document.";
    /// What becomes of a worker after a trap.
    NO_RELOAD = Warning "SY0505" "a trap stops the filter for good"
        "Without `failure_policy: FAIL_RELOAD` a worker whose VM has trapped once answers 503 until Envoy is started anew, or, with FAIL_OPEN, \
         goes on without the filter. With it the next request gets a new VM ([routes.md](routes.md#after-a-trap)).";
    /// Plugins that share nothing.
    VM_IDS = Warning "SY0506" "the plugins have different vm_ids"
        "Health, budgets and endpoint tables are shared through Envoy's shared data, which is apart for every `vm_id`. Plugins that have \
         different ones do not hear of each other: an endpoint that outlier.wasm ejects is named all the same, and the status page shows nothing of \
         filters under another one, as if there were none. Give all of Switchyard's plugins of a proxy the same.";
    /// Bodies that never come.
    NO_STOP_FLAG = Warning "SY0507" "the plugin does not get the bodies that the document asks for"
        "Envoy gives a filter the body of a request or answer whose head it holds only with `allow_on_headers_stop_iteration: true` in the \
         plugin's configuration. Without it, requests wait until a timeout of the filter's lets them go, and are neither coalesced nor batched \
         nor judged. Add the field. Envoy 1.34 and older do not know it.";
    /// Ejections by nobody.
    NO_OUTLIER = Warning "SY0508" "nobody judges the cluster's attempts"
        "The upstream has a section `outlier`, and its cluster has no outlier.wasm among its upstream filters: no endpoint is ever ejected. \
         envoy-config/envoy.yaml has the filter, at (4).";
    /// A plugin that does nothing.
    NO_CONFIGURATION = Warning "SY0509" "the plugin has no document"
        "The plugin has no `configuration`, which means an empty document: it lets everything pass as it is. Only outlier.wasm, \
         which goes by the documents in force, and the status page do without. Put the document into `configuration`, in a `google.protobuf.Struct`.";
    /// A field that Envoy refuses.
    UNKNOWN_SETTING = Error "SY0510" "a field that a plugin's settings do not have"
        "Envoy's `PluginConfig`, which is what stands around `vm_config`, has no field of this name, so Envoy refuses the configuration. Correct \
         the name.";
    /// The status page in front of clients.
    PAGE_IN_FRONT = Warning "SY0511" "clients reach the status page"
        "status.wasm stands in a listener in which one of Switchyard's filters has clients' requests. Whoever reaches that listener sees the names of \
         routes, hosts and clusters, the addresses of endpoints, and what is wrong with them. Move it to a listener that clients do not reach, as that \
         of the metrics: envoy-config/envoy.yaml has it, at (8). Where only the operator's addresses or ports lead to its filter chain, suppress this.";
}
