//! One client's place in a phase: it sends one request after another, each in the manner that the script has for it, and has it judged.
//!
//! Invariant: what the weather excuses, it excuses of those requests alone of which a fault has struck an attempt, where that is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::action::Action;
use super::ask::{Ask, Kind};
use super::manner::Manner;
use super::oracle::{Climate, Seen, judge, short};
use super::report::Tally;
use super::script::Phase;
use super::stage::Stage;
use super::truth::mixed;
use super::weather::Fault;

/// What copies of a request in a burst have in front of their number.
const COPIES: u32 = 24;
/// What the phase excuses.
pub(super) fn climate(phase: &Phase) -> Climate {
    let mut climate = Climate { leaps: phase.leaps(), ..Climate::default() };
    climate.add(phase.weather.shares.iter().filter(|(_, share)| *share > 0).map(|(fault, _)| *fault));
    for (_, action) in &phase.actions {
        let why = match action {
            Action::Rise(_) | Action::Leave(_) | Action::Join | Action::BadDocument(_) => continue,
            // It is late then, and nothing else.
            Action::Stop(_) | Action::Starve(_) | Action::Jump(_) => continue,
            Action::Die(_) => {
                climate.dies = true;
                continue;
            }
            Action::Document(_) => {
                climate.drains = true;
                continue;
            }
            Action::Pressure(_) => {
                (climate.overloads, climate.drains) = (true, true);
                continue;
            }
            Action::Clusters => "clusters came anew",
            Action::Trap(_) => "a VM trapped",
        };
        climate.drains |= matches!(action, Action::Trap(_));
        climate.ails = Some(if climate.ails.is_none_or(|other| other == why) { why } else { "ailing" });
    }
    climate
}

/// One client's place in a phase.
pub(super) struct Visit {
    pub(super) seed: u64,
    pub(super) began: Instant,
    pub(super) stage: Arc<Stage>,
    pub(super) phase: Arc<Phase>,
    pub(super) climate: Arc<Climate>,
    pub(super) next: Arc<AtomicU64>,
}

impl Visit {
    /// Sends one request after another until the phase is over; what became of them, and who they were.
    pub(super) async fn work(self) -> (Tally, Vec<(u64, Kind)>) {
        let (mut tally, mut sent) = (Tally::default(), Vec::new());
        while self.began.elapsed() < Duration::from_secs(self.phase.seconds.into()) {
            let ask = Ask::drawn(self.seed, self.phase.number, self.next.fetch_add(1, Ordering::Relaxed));
            match self.manner(&ask) {
                Some(Manner::Burst(count)) => self.burst(&ask, count, &mut tally, &mut sent).await,
                manner => {
                    let began = self.stage.sky.now_ms();
                    let seen = self.stage.clients().send(&ask, manner).await;
                    self.judged(&ask, began, manner, &seen, &mut tally);
                    sent.push((ask.id, ask.kind));
                }
            }
        }
        (tally, sent)
    }

    fn manner(&self, ask: &Ask) -> Option<Manner> {
        let mut point = mixed(&[self.seed, ask.id, 7]) % 100;
        self.phase.manners.iter().find_map(|(manner, share)| {
            let share = u64::from(*share);
            if point < share {
                return Some(*manner);
            }
            point -= share;
            None
        })
    }

    /// As many ask for the same at once, and half of them leave together.
    async fn burst(&self, ask: &Ask, count: u8, tally: &mut Tally, sent: &mut Vec<(u64, Kind)>) {
        let mut asked = Vec::new();
        for copy in 1..=u64::from(count) {
            // Paths and bodies have numbers of their own, where that matters.
            let one = match ask.kind.is_its_own() {
                true => Ask::drawn(self.seed, self.phase.number, (copy << COPIES) | (ask.id & 0xff_ffff)),
                false => Ask { id: ask.id | (copy << COPIES), ..ask.clone() },
            };
            let (clients, began, leaves) = (self.stage.clients(), self.stage.sky.now_ms(), copy % 2 == 0);
            let manner = leaves.then_some(Manner::Leaves(20));
            asked.push(tokio::spawn(async move {
                let seen = clients.send(&one, manner).await;
                (one, began, manner, seen)
            }));
        }
        for one in asked {
            if let Ok((one, began, manner, seen)) = one.await {
                self.judged(&one, began, manner, &seen, tally);
                sent.push((one.id, one.kind));
            }
        }
    }

    fn judged(&self, ask: &Ask, began: u64, manner: Option<Manner>, seen: &Seen, tally: &mut Tally) {
        // What is answered before its body is read may be anybody's.
        let is_untold = ask.kind.is_gathered() && self.phase.suffers(&[Fault::Hasty]);
        let is_struck = !ask.kind.is_traceable() || is_untold || self.stage.sky.has_struck(ask.id);
        let verdict = match is_struck {
            true => judge(ask, began, seen, &self.climate),
            false => judge(ask, began, seen, &self.climate.unstruck()),
        };
        tally.add(ask.kind, verdict, || {
            let body = match seen {
                Seen::Answer(answer) => short(&String::from_utf8_lossy(&answer.body)),
                Seen::Left(_) | Seen::Broken(..) | Seen::Hung => String::new(),
            };
            let head = match seen {
                Seen::Answer(answer) => format!("{} {:?}", answer.status, answer.headers),
                other => format!("{other:?}").chars().take(300).collect(),
            };
            let attempts = self.stage.sky.attempts(ask.id);
            let asked = short(&String::from_utf8_lossy(&ask.body));
            format!(
                "{:?} {} {} {:?} {asked:?}, {manner:?}, of {attempts} attempts, began {began}, now {}: {head} {body}",
                ask.kind, ask.id, ask.path, ask.who, self.stage.sky.now_ms()
            )
        });
    }
}
