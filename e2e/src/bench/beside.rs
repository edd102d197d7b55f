//! What is done on threads of its own beside a load, and ends with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A load that is under way; it is over when this goes, also where it has failed.
#[derive(Default)]
pub struct Underway(Arc<AtomicBool>);

/// Tells whether it is over.
pub struct Watch(Arc<AtomicBool>);

impl Underway {
    pub fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.0))
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Watch {
    pub fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
