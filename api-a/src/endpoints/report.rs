//! `GET /api/report`, `/api/archive` and `/api/receipts`: the flow, seen from API A.

use actix_web::web::{Data, Json};
use actix_web::{Error, HttpResponse};
use serde_json::{Value, json};
use shared_claims::Caller;
use shared_claims::service::body::Body;

use super::{ReadReports, Settings, WriteReports};
use crate::receipts::{Archive, NewReceipt, Receipts};
use crate::report::Report;
use crate::store::Filings;

/// `GET /api/report`: totals made of the user's receipts.
pub async fn report(
    caller: Caller<ReadReports>, // 3: the app calls with the user's token, which has been checked by now
    receipts: Data<Receipts>,
    filings: Data<Filings>,
) -> Result<Json<Report>, Error> {
    let filed_here = filings.count_of(&caller.claims.sub).await?;
    let rows = receipts.of(&caller).await?; // 4 and 5: exchanges the token; 6: calls API B with the new one
    Ok(Json(Report::of(&rows, Some(filed_here))))
}

/// `GET /api/archive`: totals made of the user's receipts of earlier years. The archive wants the user to agree first; where
/// they have not yet, the app hears so (401 `interaction_required`) and sends them to the consent page.
pub async fn archive(caller: Caller<ReadReports>, archive: Data<Archive>) -> Result<Json<Report>, Error> {
    let rows = archive.of(&caller).await?;
    Ok(Json(Report::of(&rows, None)))
}

/// `GET /api/receipts`: the receipts themselves. With it, one API A can stand behind another in a longer chain.
pub async fn receipts(caller: Caller<ReadReports>, receipts: Data<Receipts>) -> Result<Json<Value>, Error> {
    let rows = receipts.of(&caller).await?;
    Ok(Json(json!({ "receipts": rows })))
}

/// `POST /api/receipts`: files one on behalf of the user.
pub async fn file(
    caller: Caller<WriteReports>,
    body: Body,
    receipts: Data<Receipts>,
    filings: Data<Filings>,
    settings: Data<Settings>,
) -> Result<HttpResponse, Error> {
    let receipt: NewReceipt = body.json().await?;
    // Known before anything is filed: what cannot be noted here is not filed there.
    filings.store().ping().await?;
    let filed = receipts.file(&caller, &receipt).await?;
    let claims = &caller.claims;
    if let Err(error) = filings.note(&filed.id, &claims.sub, &claims.client_id, settings.clock.now()).await {
        // It is filed all the same, and must not be filed again because of this.
        log::error!("a filing is not noted: {error}");
    }
    Ok(HttpResponse::Created().json(filed))
}
