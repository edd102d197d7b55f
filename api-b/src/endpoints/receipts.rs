//! `/api/receipts`: step 6 of the flow. The rows are those of the user whom the token names, whoever calls.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json};
use actix_web::{Error, HttpResponse};
use serde::Serialize;
use shared_claims::Caller;
use shared_claims::service::answer::problem;
use shared_claims::service::body::Body;

use super::{ReadReceipts, Settings, WriteReceipts};
use crate::demo_receipts;
use crate::receipt::{Receipt, Submission};
use crate::store::{Full, MOST_RECEIPTS, Receipts};

/// The answer of `GET /api/receipts`.
#[derive(Serialize)]
pub struct List {
    receipts: Vec<Receipt>,
}

/// `GET /api/receipts`: the user's own, the latest first.
pub async fn list(
    caller: Caller<ReadReceipts>,
    receipts: Data<Receipts>,
    settings: Data<Settings>,
) -> Result<Json<List>, Error> {
    let (sub, now) = (&caller.claims.sub, settings.clock.now());
    let receipts = if settings.demo_receipts && caller.claims.has_user() {
        receipts.of_or_first(sub, demo_receipts::for_user(sub, now.date()), now).await?
    } else {
        receipts.of(sub).await?
    };
    Ok(Json(List { receipts }))
}

/// `POST /api/receipts`: one more for the user.
pub async fn file(
    caller: Caller<WriteReceipts>,
    body: Body,
    receipts: Data<Receipts>,
    settings: Data<Settings>,
) -> Result<HttpResponse, Error> {
    let now = settings.clock.now();
    let receipt =
        body.json::<Submission>().await?.check(now).map_err(|error| {
            problem(StatusCode::UNPROCESSABLE_ENTITY, format!("The receipt is not taken: {error}."))
        })?;
    let filed = receipts.file(&caller.claims.sub, receipt, &caller.claims.client_id, now).await?;
    let receipt = filed.map_err(|Full| {
        let detail = format!("The receipt is not taken: a user may have {MOST_RECEIPTS} receipts.");
        problem(StatusCode::CONFLICT, detail)
    })?;
    Ok(HttpResponse::Created().insert_header((LOCATION, "/api/receipts")).json(receipt))
}
