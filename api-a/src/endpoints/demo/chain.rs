//! `GET /demo/chain`: the same report by a longer way. API A calls API A2, which calls API B, each on behalf of the user.

use actix_web::web::{Data, Json};
use actix_web::{Error, HttpRequest};
use shared_claims::Caller;
use shared_claims::service::observe;

use crate::demo::Demo;
use crate::endpoints::ReadReports;
use crate::receipts::Chain;
use crate::report::Report;

pub async fn chain(
    caller: Caller<ReadReports>,
    request: HttpRequest,
    chain: Data<Chain>,
    demo: Data<Demo>,
) -> Result<Json<Report>, Error> {
    if let Some(id) = observe::trace_id(request.headers()) {
        demo.follow_next(id.to_string());
    }
    let rows = chain.of(&caller).await?;
    Ok(Json(Report::of(&rows, None)))
}
