//! `GET /api/report` and `/api/receipts`: the flow, seen from API A.

use actix_web::web::{Data, Json};
use actix_web::{Error, HttpResponse};
use serde_json::{Value, json};
use shared_claims::service::body::Body;
use shared_claims::{Caller, ResourceServer};

use super::failure::answer;
use super::{ReadReports, Settings, WriteReports};
use crate::receipts::{NewReceipt, Receipts};
use crate::report::Report;
use crate::store::Filings;

/// `GET /api/report`: totals made of the user's receipts.
pub async fn report(
    caller: Caller<ReadReports>,
    receipts: Data<Receipts>,
    filings: Data<Filings>,
    api: Data<ResourceServer>,
) -> Result<Json<Report>, Error> {
    let filed_here = filings.count_of(&caller.claims.sub).await?;
    let rows = receipts.of(&caller).await.map_err(|failure| answer(&api, &failure))?; // exchanges the caller's token, then calls API B
    Ok(Json(Report::of(&rows, filed_here)))
}

/// `GET /api/receipts`: the receipts themselves. With it, one API A can stand behind another in a longer chain.
pub async fn receipts(
    caller: Caller<ReadReports>,
    receipts: Data<Receipts>,
    api: Data<ResourceServer>,
) -> Result<Json<Value>, Error> {
    let rows = receipts.of(&caller).await.map_err(|failure| answer(&api, &failure))?;
    Ok(Json(json!({ "receipts": rows })))
}

/// `POST /api/receipts`: files one on behalf of the user.
pub async fn file(
    caller: Caller<WriteReports>,
    body: Body,
    receipts: Data<Receipts>,
    filings: Data<Filings>,
    settings: Data<Settings>,
    api: Data<ResourceServer>,
) -> Result<HttpResponse, Error> {
    let receipt: NewReceipt = body.json().await?;
    // Known before anything is filed: what cannot be noted here is not filed there.
    filings.store().ping().await?;
    let filed = receipts.file(&caller, &receipt).await.map_err(|failure| answer(&api, &failure))?;
    let claims = &caller.claims;
    if let Err(error) = filings.note(&filed.id, &claims.sub, &claims.client_id, settings.clock.now()).await {
        // It is filed all the same, and must not be filed again because of this.
        log::error!("a filing is not noted: {error}");
    }
    Ok(HttpResponse::Created().json(filed))
}
