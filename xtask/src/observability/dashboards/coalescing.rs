//! How much does coalescing save, and at what price?

use super::grafana::{Dashboard, Panel, choice, graph};
use crate::observability::query::{Series, shown};
use switchyard_frame::metrics::catalogue::*;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "coalescing",
        title: "Coalescing",
        description: "How many requests share another's answer, how long they wait for it, and which cannot.",
        choices: vec![choice("route", &COALESCE_LEADERS)],
        panels: [savings(), troubles()].into_iter().flatten().collect(),
    }
}

fn chosen(series: Series) -> Series {
    series.chosen_by("route")
}

fn savings() -> Vec<Panel> {
    let by = &["route"];
    let leaders = || chosen(shown(&COALESCE_LEADERS)).rate().sum(by);
    let followers = || chosen(shown(&COALESCE_FOLLOWERS)).rate().sum(by);
    let saved = chosen(shown(&COALESCE_EXITS)).with("reason", "collapsed|stale|shared_error").rate().sum(by);
    let waits = || chosen(shown(&COALESCE_WAIT)).buckets().rate().sum(&["le", "route"]);
    vec![
        graph("Leaders and followers", "reqps", "Requests that asked the upstream for themselves and others, and requests that waited for them.")
            .line(leaders(), "{{route}}: lead")
            .line(followers(), "{{route}}: follow"),
        graph(
            "Part of requests saved",
            "percentunit",
            "Requests that got another's answer, by all that led or followed. It is what coalescing is worth.",
        )
        .line(saved.over(leaders().plus(followers())), "{{route}}"),
        graph(
            "How long requests waited",
            "s",
            "How long followers waited until they were answered or let go: half of them, and all but one in a hundred. Compare with max_wait.",
        )
        .line(waits().quantile("0.5").times("1e-3"), "{{route}}: half")
        .line(waits().quantile("0.99").times("1e-3"), "{{route}}: 99 %"),
        graph(
            "What became of followers",
            "reqps",
            "Those that were answered (`collapsed`, `stale`, `shared_error`), and those that went on: `released`, `vary`, `max_wait`, `overdue`, `gone`, `led`.",
        )
        .line(chosen(shown(&COALESCE_EXITS)).rate().sum(&["route", "reason"]), "{{route}}: {{reason}}"),
    ]
}

fn troubles() -> Vec<Panel> {
    vec![
        graph(
            "Requests that went by themselves",
            "reqps",
            "Requests that neither led nor followed, by reason; docs/coalesce.md has all reasons. Many `credentials` mean that a key leaves out who asks.",
        )
        .line(chosen(shown(&COALESCE_PASSED)).rate().sum(&["route", "reason"]), "{{route}}: {{reason}}"),
        graph(
            "Answers that were for one client",
            "reqps",
            "Answers that could not be shared, by reason. Where nearly all are such a route has nothing to share.",
        )
        .line(chosen(shown(&COALESCE_NOT_SHARED)).rate().sum(&["route", "reason"]), "{{route}}: {{reason}}"),
        graph(
            "Leaders that were succeeded",
            "reqps",
            "Leaders whose place another took, by reason. `worker_lost` means that a VM died; `stall` and `max_leader_age` that the upstream hangs.",
        )
        .line(chosen(shown(&COALESCE_SUCCESSIONS)).rate().sum(&["route", "reason"]), "{{route}}: {{reason}}"),
        graph(
            "Answers from the micro-cache",
            "reqps",
            "Requests answered out of what `hold` keeps, and leaders that got an old answer in place of a failure.",
        )
        .line(chosen(shown(&COALESCE_HITS)).rate().sum(&["route", "result"]), "{{route}}: {{result}}"),
        graph("Bytes held", "bytes", "What flights and the micro-cache hold, all workers together. docs/memory.md says how much may be.")
            .line(chosen(shown(&COALESCE_BYTES_HELD)).now().sum(&["instance", "route"]), "{{route}} on {{instance}}"),
        graph(
            "Keys that pass, and flights within a worker",
            "none",
            "Keys whose answers were for one client, so that their requests pass for a while; flights that had to stay within their worker, a second; workers \
             without a queue; headers that keep nearly all requests apart.",
        )
        .line(chosen(shown(&COALESCE_HIT_FOR_PASS_KEYS)).now().sum(&["route"]), "{{route}}: keys")
        .line(chosen(shown(&COALESCE_DEGRADED)).rate().sum(&["route"]), "{{route}}: degraded")
        .line(shown(&COALESCE_WITHOUT_QUEUE).now().sum(&["instance"]), "{{instance}}: without a queue")
        .line(chosen(shown(&COALESCE_NOISY_HEADERS)).now().max(&["route", "header"]), "{{route}}: {{header}}"),
    ]
}
