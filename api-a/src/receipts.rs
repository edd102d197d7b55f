//! The caller's receipts, at the APIs that keep them: steps 4 to 6 of the flow. The caller's token is exchanged for one of
//! that API, and only that one is sent there.

use serde::{Deserialize, Serialize};
use shared_claims::exchange::OnBehalfOf;
use shared_claims::{AccessToken, CallerAnswer, ExchangeClient, ResourceServer, Scope};
use url::Url;

use crate::config;
use crate::report::Receipt;

/// A receipt as a caller sends it. The API that keeps it judges what is in it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewReceipt {
    merchant: String,
    amount_cents: i64,
    currency: String,
    purchased_on: String,
}

/// Receipts at the downstream API.
pub struct Receipts {
    keeper: Keeper,
    read: Scope,
    write: Scope,
}

/// Receipts of earlier years, at the archive.
pub struct Archive {
    keeper: Keeper,
    read: Scope,
}

/// Receipts by a longer way: at another API A, which gets them at API B.
pub struct Chain {
    keeper: Keeper,
    read: Scope,
}

/// An API that keeps receipts, called on behalf of users.
struct Keeper {
    /// This API, which answers the caller when there is nothing to be had.
    api: ResourceServer,
    exchange: ExchangeClient,
    audience: String,
    address: String,
}

#[derive(Deserialize)]
struct List {
    receipts: Vec<Receipt>,
}

impl Receipts {
    pub fn at(downstream: config::Downstream, api: ResourceServer, exchange: ExchangeClient) -> Self {
        let keeper = Keeper::at(downstream.audience, &downstream.url, api, exchange);
        Self { keeper, read: downstream.read_scope, write: downstream.write_scope }
    }

    /// All receipts of the caller's user.
    pub async fn of(&self, caller: &AccessToken) -> Result<Vec<Receipt>, CallerAnswer> {
        self.keeper.receipts_of(caller, &self.read).await
    }

    /// Files one for the caller's user.
    pub async fn file(&self, caller: &AccessToken, receipt: &NewReceipt) -> Result<Receipt, CallerAnswer> {
        let Keeper { api, address, .. } = &self.keeper;
        let call = self.keeper.on_behalf_of(caller, &self.write).post(address).json(receipt);
        call.receive().await.map_err(|failure| api.answer_to(failure))
    }
}

impl Archive {
    pub fn at(archive: config::Archive, api: ResourceServer, exchange: ExchangeClient) -> Self {
        let keeper = Keeper::at(archive.audience, &archive.url, api, exchange);
        Self { keeper, read: archive.read_scope }
    }

    /// All archived receipts of the caller's user.
    pub async fn of(&self, caller: &AccessToken) -> Result<Vec<Receipt>, CallerAnswer> {
        self.keeper.receipts_of(caller, &self.read).await
    }
}

impl Chain {
    pub fn at(chain: config::Chain, api: ResourceServer, exchange: ExchangeClient) -> Self {
        let keeper = Keeper::at(chain.audience, &chain.url, api, exchange);
        Self { keeper, read: chain.read_scope }
    }

    /// All receipts of the caller's user.
    pub async fn of(&self, caller: &AccessToken) -> Result<Vec<Receipt>, CallerAnswer> {
        self.keeper.receipts_of(caller, &self.read).await
    }
}

impl Keeper {
    fn at(audience: String, url: &Url, api: ResourceServer, exchange: ExchangeClient) -> Self {
        let address = format!("{}/api/receipts", url.as_str().trim_end_matches('/'));
        Self { api, exchange, audience, address }
    }

    async fn receipts_of(&self, caller: &AccessToken, scope: &Scope) -> Result<Vec<Receipt>, CallerAnswer> {
        let call = self.on_behalf_of(caller, scope).get(&self.address);
        let list: List = call.receive().await.map_err(|failure| self.api.answer_to(failure))?;
        Ok(list.receipts)
    }

    fn on_behalf_of<'a>(&'a self, caller: &'a AccessToken, scope: &Scope) -> OnBehalfOf<'a> {
        self.exchange.on_behalf_of(caller).audience(&self.audience).scope(scope)
    }
}
