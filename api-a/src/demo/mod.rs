//! Demo mode: what this API does on behalf of its caller, shown to that caller step by step, access tokens included. Off unless
//! set, refused off loopback (`config::demo`), and said in the log when it is on.
//!
//! `watching` hears from the exchange client what is sent, `traces` keeps it for a moment (`memory`) for whoever knows the
//! trace id, and `relay` adds what the next API of a longer chain did. `attack` tries what must not work (`by_hand`).

mod attack;
mod by_hand;
mod event;
mod memory;
mod relay;
mod traces;
mod watching;

use std::sync::Arc;

use shared_claims::exchange::observer::Observer;
use tokio::sync::Semaphore;
use url::Url;

use attack::Other;
pub use attack::{Attack, Outcome, Scene};
use by_hand::ByHand;
pub use event::Event;
pub use traces::{Follower, Traces};
use watching::{Neighbour, Watching};

use crate::config::{Config, DemoMode};

/// So many traces are read at a time.
const MOST_READERS: usize = 64;

/// What demo mode keeps.
pub struct Demo {
    pub traces: Traces,
    pub readers: Arc<Semaphore>,
    pub scene: Scene,
    watching: Arc<Watching>,
    /// Where the next API of the longer chain tells what it did.
    next: Option<Url>,
}

impl Demo {
    /// Where this configuration has it on.
    pub fn of(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some(demo) = &config.demo else { return Ok(None) };
        log::warn!(
            "demo mode is on (demo_trace): whoever knows the trace id of a call sees what it did, access tokens included"
        );
        let traces = Traces::default();
        let watching = Watching {
            traces: traces.clone(),
            name: config.client.id.clone(),
            neighbours: neighbours(config, demo).collect(),
        };
        let scene = Scene {
            by_hand: ByHand::of(config)?,
            own: config.client.clone(),
            api_b: api_b(config),
            read_receipts: config.downstream.read_scope.to_string(),
            write_receipts: config.downstream.write_scope.to_string(),
            archive: config.archive.as_ref().map(|it| (it.audience.clone(), it.read_scope.to_string())),
            other: demo.other_client.clone().zip(demo.chain.as_ref()).map(|(client, chain)| Other {
                client,
                identifier: chain.audience.clone(),
                scope: chain.read_scope.to_string(),
            }),
        };
        Ok(Some(Self {
            traces,
            readers: Arc::new(Semaphore::new(MOST_READERS)),
            scene,
            watching: Arc::new(watching),
            next: demo.chain.as_ref().map(|chain| chain.url.clone()),
        }))
    }

    /// To be told what the exchange client does.
    #[must_use]
    pub fn observer(&self) -> Arc<dyn Observer> {
        self.watching.clone()
    }

    /// Adds to the trace what the next API of the longer chain does in it.
    pub fn follow_next(&self, id: String) {
        let Some(next) = &self.next else { return };
        let address = format!("{}/demo/trace/{id}", next.as_str().trim_end_matches('/'));
        let going = self.traces.begin(&id);
        tokio::spawn(relay::relay(self.scene.by_hand.streams().clone(), address, self.traces.clone(), id, going));
    }
}

fn api_b(config: &Config) -> Neighbour {
    let downstream = &config.downstream;
    Neighbour::new("api-b", &downstream.audience, &downstream.url, downstream.public_url.as_ref())
}

fn neighbours(config: &Config, demo: &DemoMode) -> impl Iterator<Item = Neighbour> {
    let archive =
        config.archive.iter().map(|it| Neighbour::new("api-c", &it.audience, &it.url, it.public_url.as_ref()));
    let chain = demo.chain.iter().map(|it| Neighbour::new("api-a2", &it.audience, &it.url, it.public_url.as_ref()));
    [api_b(config)].into_iter().chain(archive).chain(chain)
}
