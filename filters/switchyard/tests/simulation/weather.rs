//! The weather: what goes wrong, and how often, for a while; then it changes.
//!
//! Phases are drawn from the seed, some long and some short, so that long calm and long bad spells come, alone and after each other.
//! Invariant: whether something happens is drawn whether or not it may, and from a generator of its own, so that a run without one of the
//! faults has the others at the same moments, for as long as it goes the same way. Trade-off: rates are the same for all workers.

use crate::simulation::draws::one;
use fastrand::Rng;

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Reload,
    Refusal,
    Death,
    JudgesDeath,
    Failure,
    Step,
    Late,
    Lost,
    Doubled,
    Delayed,
    List,
    Leaving,
    Stillness,
    BadAnswer,
    Sickness,
}

const COUNT: usize = 15;

/// Each with its name, and how often it happens in usual weather: of what happens to a process in a millisecond, of the others of those
/// that it may happen to.
pub(crate) const FAULTS: [(Fault, &str, f64); COUNT] = [
    (Fault::Reload, "reloads", 0.001),
    (Fault::Refusal, "refused-configurations", 0.000_5),
    (Fault::Death, "deaths", 0.000_7),
    (Fault::JudgesDeath, "deaths-of-outlier", 0.000_3),
    (Fault::Failure, "failing-hosts", 0.004),
    (Fault::Step, "clock-steps", 0.000_5),
    (Fault::Late, "late-ticks", 0.01),
    (Fault::Lost, "lost-messages", 0.1),
    (Fault::Doubled, "doubled-messages", 0.05),
    (Fault::Delayed, "late-messages", 0.1),
    (Fault::List, "endpoint-lists", 0.002),
    (Fault::Leaving, "leaving-clients", 0.06),
    (Fault::Stillness, "slow-bodies", 0.08),
    (Fault::BadAnswer, "bad-answers", 0.25),
    (Fault::Sickness, "sick-endpoints", 0.2),
];

/// How often each fault happens, by its place.
type Rates = [f64; COUNT];

struct Phase {
    name: &'static str,
    rates: Rates,
    /// One of four requests comes less than so many milliseconds after the one before; the others come with it.
    gap: u64,
}

/// The weather of a process.
pub(crate) struct Weather {
    rng: Rng,
    phase: Phase,
    until: u64,
    without: Vec<Fault>,
}

impl Weather {
    pub(crate) fn new(mut rng: Rng, without: &[Fault]) -> Self {
        let phase = Phase::any(&mut rng);
        Self { rng, phase, until: 0, without: without.to_vec() }
    }

    /// The name of the phase that begins now, if one does.
    pub(crate) fn passes(&mut self, now: u64) -> Option<&'static str> {
        let is_over = now >= self.until;
        if is_over {
            self.phase = Phase::any(&mut self.rng);
            self.until = now + one(&[200, 1_000, 4_000, 12_000], &mut self.rng);
        }
        is_over.then_some(self.phase.name)
    }

    /// Whether this goes wrong now.
    pub(crate) fn happens(&mut self, fault: Fault) -> bool {
        let drawn = self.rng.f64();
        drawn < self.phase.rates[fault as usize] && !self.without.contains(&fault)
    }

    pub(crate) fn gap(&self) -> u64 {
        self.phase.gap
    }
}

impl Phase {
    fn any(rng: &mut Rng) -> Self {
        let usual = |by: f64| FAULTS.map(|(_, _, rate)| (rate * by).min(0.9));
        let gap = one(&[4, 12, 24, 24, 80], rng);
        let alone = rng.usize(0..COUNT);
        let (name, rates) = match rng.u8(0..100) {
            0..25 => ("calm", calm()),
            25..45 => ("drizzle", usual(0.3)),
            45..60 => ("usual", usual(1.0)),
            60..78 => {
                let mut rates = calm();
                rates[alone] = usual(6.0)[alone];
                ("one thing alone", rates)
            }
            78..86 => ("outage", with(&[(Fault::BadAnswer, 0.9), (Fault::Sickness, 0.3)])),
            86..93 => ("ejections", with(&[(Fault::BadAnswer, 0.05), (Fault::Sickness, 0.7)])),
            _ => ("everything", usual(3.0)),
        };
        Self { name, rates, gap }
    }
}

/// Little goes wrong, and only outside.
fn calm() -> Rates {
    let mut rates = [0.0; COUNT];
    for fault in [Fault::Leaving, Fault::Stillness, Fault::BadAnswer] {
        rates[fault as usize] = 0.01;
    }
    rates
}

fn with(more: &[(Fault, f64)]) -> Rates {
    let mut rates = calm();
    more.iter().for_each(|(fault, rate)| rates[*fault as usize] = *rate);
    rates
}
