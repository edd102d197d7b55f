//! Demo mode over HTTP: what a call did (`/demo/trace/{id}`), a longer chain, and attacks. Where it is off, nothing lies at these
//! addresses.

mod attacks;
mod chain;
mod trace;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, ServiceConfig, get, post};
use shared_claims::service::{answer, observe};

use super::at;
use crate::demo::Demo;
use crate::receipts::Chain;

/// The routes of demo mode. `chain`: there is another API A to call. `has_page`: they are for the demo app alone, except the
/// trace, which the API before this one reads too.
pub fn routes(demo: Data<Demo>, chain: Option<Data<Chain>>, has_page: bool) -> impl FnOnce(&mut ServiceConfig) {
    move |app: &mut ServiceConfig| {
        app.app_data(demo).service(at("/demo/trace/{id}").route(get().to(trace::trace)));
        if !has_page {
            return;
        }
        let attack = |path| at(path).wrap(answer::api_headers());
        app.service(attack("/demo/attacks/revoked").route(post().to(attacks::revoked)))
            .service(attack("/demo/attacks/{name}").route(post().to(attacks::attack)));
        if let Some(chain) = chain {
            let chained = at("/demo/chain").app_data(chain).route(get().to(chain::chain));
            app.service(chained.wrap(from_fn(seen)).wrap(answer::api_headers()));
        }
    }
}

/// Wraps a call whose steps are to be seen: its caller made up the trace. Any other call is nobody's to look at.
pub async fn seen<B: MessageBody>(
    demo: Data<Demo>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let going = observe::trace_id(request.headers()).map(|id| demo.traces.begin(id.as_str()));
    let response = next.call(request).await;
    drop(going);
    response
}
