//! How far the rules are followed once one of them does not hold: not at all when tokens are asked for, as far as they
//! can be judged when somebody asks why.

use super::{Refusal, Rule};

/// Hears each rule's verdict, in order, and says whether the next is judged.
pub(super) trait Examiner {
    /// A rule that later rules cannot be judged without.
    fn needs<T>(&mut self, rule: Rule, judged: Result<T, Refusal>) -> Result<T, Refusal>;
    /// A rule that stands by itself.
    fn demands(&mut self, rule: Rule, judged: Result<(), Refusal>) -> Result<(), Refusal>;
}

/// Stops at the first rule that does not hold.
pub(super) struct FirstRefusal;

impl Examiner for FirstRefusal {
    fn needs<T>(&mut self, _: Rule, judged: Result<T, Refusal>) -> Result<T, Refusal> {
        judged
    }

    fn demands(&mut self, _: Rule, judged: Result<(), Refusal>) -> Result<(), Refusal> {
        judged
    }
}

/// Goes on as far as it can, and keeps what it heard.
#[derive(Default)]
pub(super) struct EveryVerdict {
    pub heard: Vec<(Rule, Option<Refusal>)>,
}

impl EveryVerdict {
    pub fn first_refusal(&self) -> Option<&Refusal> {
        self.heard.iter().find_map(|(_, refusal)| refusal.as_ref())
    }
}

impl Examiner for EveryVerdict {
    fn needs<T>(&mut self, rule: Rule, judged: Result<T, Refusal>) -> Result<T, Refusal> {
        self.heard.push((rule, judged.as_ref().err().cloned()));
        judged
    }

    fn demands(&mut self, rule: Rule, judged: Result<(), Refusal>) -> Result<(), Refusal> {
        self.heard.push((rule, judged.err()));
        Ok(())
    }
}
