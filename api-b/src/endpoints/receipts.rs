//! `/api/receipts`: step 6 of the flow. The rows are those of the user whom the token names, whoever calls. Which scopes it takes
//! is a setting: the same binary is the archive of the demo world.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json};
use actix_web::{Error, HttpResponse};
use serde::Serialize;
use shared_claims::service::answer::problem;
use shared_claims::service::body::Body;
use shared_claims::{Caller, ResourceServer};

use super::Settings;
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
    caller: Caller,
    api: Data<ResourceServer>,
    receipts: Data<Receipts>,
    settings: Data<Settings>,
) -> Result<Json<List>, Error> {
    api.require(&caller, &settings.read_scope)?;
    let (sub, now) = (&caller.claims.sub, settings.clock.now());
    let receipts = match settings.demo_receipts {
        Some(years_ago) if caller.claims.has_user() => {
            receipts.of_or_first(sub, demo_receipts::for_user(sub, now.date(), years_ago), now).await?
        }
        _ => receipts.of(sub).await?,
    };
    Ok(Json(List { receipts }))
}

/// `POST /api/receipts`: one more for the user.
pub async fn file(
    caller: Caller,
    body: Body,
    api: Data<ResourceServer>,
    receipts: Data<Receipts>,
    settings: Data<Settings>,
) -> Result<HttpResponse, Error> {
    api.require(&caller, &settings.write_scope)?;
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
