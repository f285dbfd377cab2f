//! What happens in a proxy that coalesces, by name, and all of it that is to happen.

use crate::asked::TONGUE;
use crate::simulation::Tally;
use switchyard_core::coalesce::{Event, Exit, NotShared, Pass, Served, Why};

impl Tally {
    pub(crate) fn event(&mut self, event: Event) {
        self.count(match event {
            Event::Left(exit, _) => format!("Left({exit:?})"),
            event => format!("{event:?}"),
        });
    }

    /// Everything that can happen did, often.
    pub(crate) fn is_everything(&self) {
        let served = [Served::Collapsed, Served::Stale, Served::Shared];
        let exits = [Exit::Led, Exit::Released, Exit::Vary, Exit::MaxWait, Exit::Overdue, Exit::Gone];
        let exits = exits.into_iter().chain(served.map(Exit::Answered)).map(|exit| format!("Left({exit:?})"));
        let whys = [Why::Gone, Why::Failed, Why::Age, Why::Stall, Why::Lost];
        let passes = [Pass::HitForPass, Pass::Followers, Pass::Flights, Pass::Shadow];
        let others = [
            Event::Led,
            Event::Followed { remote: false },
            Event::Followed { remote: true },
            Event::Kept(Served::Hit),
            Event::Degraded,
        ];
        let names = exits
            .chain(whys.map(|why| format!("{:?}", Event::Succeeded(why))))
            .chain(passes.map(|pass| format!("{:?}", Event::Passed(pass))))
            .chain(NotShared::ALL.map(|why| format!("{:?}", Event::NotShared(why))))
            .chain(others.map(|event| format!("{event:?}")))
            .chain(TONGUE.all())
            .chain(["blurred", "refused", "died with", "jumps", "reloads"].map(str::to_owned));
        self.has_often(names);
        assert!(
            self.of("blurred") * 20 < self.of("requests"),
            "most requests that are let go are looked after"
        );
    }
}
