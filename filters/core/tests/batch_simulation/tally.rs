//! What happens in a proxy that batches, by name, and all of it that is to happen.

use crate::calls::TONGUE;
use crate::service::FAULTS;
use crate::simulation::Tally;
use switchyard_core::batch::gather::{End, Event, Failure, Pass, Repeat, Trigger};

impl Tally {
    pub(crate) fn event(&mut self, event: Event) {
        self.count(match event {
            Event::Left(trigger, _) => format!("Left({trigger:?})"),
            Event::Failed(Failure::Broken(broken)) => format!("Failed({})", broken.name()),
            Event::Waited(_) => "Waited".to_owned(),
            event => format!("{event:?}"),
        });
    }

    /// Everything that can happen did, often.
    pub(crate) fn is_everything(&self) {
        let triggers = [
            Trigger::Idle,
            Trigger::Returned,
            Trigger::Items,
            Trigger::Adaptive,
            Trigger::Bytes,
            Trigger::Weight,
            Trigger::Delay,
            Trigger::Deadline,
            Trigger::Short,
            Trigger::Repeat,
            Trigger::NoBatches,
        ];
        let ends =
            [End::Answered, End::Alone, End::Lost, End::Failed, End::TimedOut, End::Refused, End::Gone];
        let passes = [Pass::Limit, Pass::Requests, Pass::Held, Pass::Shadow];
        let repeats = [Repeat::Whole, Repeat::Half, Repeat::Alone, Repeat::Denied];
        let names = triggers
            .iter()
            .map(|trigger| format!("Left({trigger:?})"))
            .chain(ends.map(|end| format!("{:?}", Event::Ended(end))))
            .chain(passes.map(|pass| format!("{:?}", Event::Passed(pass))))
            .chain(repeats.map(|repeat| format!("{:?}", Event::Repeated(repeat))))
            .chain([200, 401, 429, 502, 504].map(|status| format!("status {status}")))
            .chain(FAULTS.map(|fault| format!("{fault:?}")))
            .chain(TONGUE.all())
            .chain(["Degraded", "Stalled", "calls", "alone", "errors"].map(str::to_owned))
            .chain(["refused", "died with", "jumps", "reloads"].map(str::to_owned));
        self.has_often(names);
        assert!(self.of("truths") * 4 > self.of("requests"), "most answers of batches are the truth");
        assert!(self.of("items") > self.of("calls") * 3, "batches are batches");
    }
}
