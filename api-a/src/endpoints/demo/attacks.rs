//! `POST /demo/attacks/{name}`: tries what must not work, with the caller's token, and answers what was sent, what came back and
//! the auth server's explanation.

use actix_web::Error;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, http::header::HeaderValue};
use serde::Deserialize;
use shared_claims::bearer::presented_token;
use shared_claims::service::answer;
use shared_claims::service::body::Body;
use shared_claims::{Caller, ResourceServer};

use crate::demo::{Attack, Demo, Outcome};

/// What was seen of a chain before it was revoked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    #[serde(default)]
    token_b: Option<String>,
}

pub async fn attack(caller: Caller, name: Path<String>, demo: Data<Demo>) -> Result<Json<Outcome>, Error> {
    let outcome = match Attack::named(&name) {
        Some(attack) => demo.scene.attack(attack, caller.text()).await,
        None => None,
    };
    match outcome {
        Some(outcome) => Ok(Json(outcome)),
        None => Err(answer::not_found().await.into()),
    }
}

/// `POST /demo/attacks/revoked`: the one attack with a token that is no good any more, so nobody judges it here.
pub async fn revoked(
    request: HttpRequest,
    body: Body,
    api: Data<ResourceServer>,
    demo: Data<Demo>,
) -> Result<Json<Outcome>, Error> {
    let authorization = request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes);
    let presented = presented_token(authorization, [], request.query_string());
    let token = presented.map_err(|refusal| api.challenge(refusal))?.token;
    let seen: Seen = body.json().await?;
    Ok(Json(demo.scene.revoked(token, seen.token_b.as_deref()).await))
}
