//! Makes a failing scenario small: takes away what the failure doesn't need, in ever smaller parts, as long as the same
//! promise is broken.

use std::time::{Duration, Instant};

use super::{
    promise::Broken,
    scenario::{Scenario, Step, Wish},
    world::run,
};

/// A person waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A failing scenario as small as could be found, and how it fails.
pub(super) fn shrink(scenario: Scenario, (at, broken): (usize, Broken)) -> (Scenario, Broken) {
    let mut least = Least { scenario, broken, until: Instant::now() + PATIENCE };
    // What comes after the failure isn't needed, unless that's the quiet at the end.
    least.keep(|steps| steps.truncate(at + 1));
    least.drop_sessions();
    loop {
        let before = least.weight();
        least.drop_steps();
        least.drop_records();
        least.shorten();
        if least.weight() == before || least.is_over() {
            return (least.scenario, least.broken);
        }
    }
}

struct Least {
    scenario: Scenario,
    broken: Broken,
    until: Instant,
}

impl Least {
    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    fn weight(&self) -> u64 {
        self.scenario.steps.iter().map(weight).sum()
    }

    /// Changes the steps, if the same promise is broken then.
    fn keep(&mut self, change: impl FnOnce(&mut Vec<Step>)) -> bool {
        let mut steps = self.scenario.steps.clone();
        change(&mut steps);
        if self.is_over() || steps == self.scenario.steps {
            return false;
        }
        let smaller = Scenario { rules: self.scenario.rules.clone(), steps };
        match run(&smaller) {
            Err((_, broken)) if broken.promise == self.broken.promise => {
                self.scenario = smaller;
                self.broken = broken;
                true
            }
            _ => false,
        }
    }

    /// Half of the sessions, a quarter, and so on.
    fn drop_sessions(&mut self) {
        let mut sessions: Vec<u32> = self.scenario.steps.iter().filter_map(Step::session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        let mut part = sessions.len().div_ceil(2);
        while part > 0 {
            let mut from = 0;
            while from < sessions.len() {
                let to = sessions.len().min(from + part);
                let dropped = sessions[from..to].to_vec();
                let is_kept = |step: &Step| step.session().is_none_or(|session| !dropped.contains(&session));
                if self.keep(|steps| steps.retain(is_kept)) {
                    sessions.drain(from..to);
                } else {
                    from = to;
                }
            }
            part /= 2;
        }
    }

    fn drop_steps(&mut self) {
        let mut part = self.scenario.steps.len().div_ceil(2);
        while part > 0 {
            let mut from = 0;
            while from < self.scenario.steps.len() {
                let to = self.scenario.steps.len().min(from + part);
                if !self.keep(|steps| drop(steps.drain(from..to))) {
                    from = to;
                }
            }
            part /= 2;
        }
    }

    fn drop_records(&mut self) {
        for at in 0..self.scenario.steps.len() {
            let mut record = 0;
            while let Step::Batch { records, .. } = &self.scenario.steps[at]
                && record < records.len()
            {
                let dropped = self.keep(|steps| {
                    if let Step::Batch { records, .. } = &mut steps[at] {
                        records.remove(record);
                    }
                });
                record += usize::from(!dropped);
            }
        }
    }

    /// Less time, and wishes that ask for less.
    fn shorten(&mut self) {
        for at in 0..self.scenario.steps.len() {
            while self.keep(|steps| {
                if let Step::Pass { us } = &mut steps[at] {
                    *us /= 2;
                }
            }) {}
            let simpler: [fn(&mut Step); 6] = [
                |step| with_wish(step, |wish| wish.max_rate = None),
                |step| with_wish(step, |wish| wish.fields = None),
                |step| with_wish(step, |wish| wish.delta = false),
                |step| with_wish(step, |wish| wish.ack = None),
                |step| with_wish(step, |wish| wish.receipt = false),
                |step| with_wish(step, |wish| wish.snapshot = true),
            ];
            for simplify in simpler {
                self.keep(|steps| simplify(&mut steps[at]));
            }
        }
    }
}

fn with_wish(step: &mut Step, change: impl FnOnce(&mut Wish)) {
    if let Step::Subscribe { wish, .. } = step {
        change(wish);
    }
}

/// How much there is to read in a step.
fn weight(step: &Step) -> u64 {
    serde_json::to_string(step).expect("steps are plain data").len() as u64
}
