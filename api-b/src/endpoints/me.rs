//! `GET /api/me`: the caller as this API sees it. Any valid token for this API will do.

use actix_web::web::Json;
use shared_claims::Caller;
use shared_claims::service::caller::CallerView;

pub async fn me(caller: Caller) -> Json<CallerView> {
    Json(CallerView::of(&caller))
}
