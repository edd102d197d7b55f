//! What an observer is told, and what it is not.

use std::sync::Mutex;

use super::observer::{Moment, Observation, Observer};
use super::*;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const SECRET: &str = "canary-secret";

/// Writes down what it hears.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn observe(&self, Observation { traceparent, audience, moment }: &Observation<'_>) {
        let text = |body: Option<&[u8]>| body.map_or("-".into(), |body| String::from_utf8_lossy(body).into_owned());
        let note = match moment {
            Moment::Sent { request, content } => {
                let (headers, body) = (&content.headers, text(content.body));
                format!("{:?} sent {} {} {headers:?} {body}", request.leg, content.method, content.url)
            }
            Moment::Answered { request, status, body, .. } => format!("{:?} {status} {}", request.leg, text(*body)),
            Moment::Failed { request, error, .. } => format!("{:?} failed: {error}", request.leg),
            Moment::Kept(Ok(token)) => format!("kept {}", token.text()),
            Moment::Kept(Err(error)) => format!("kept refusal: {error}"),
            Moment::NotSent(error) => format!("not sent: {error}"),
        };
        assert_eq!((*traceparent, *audience), (Some(TRACE), B));
        self.0.lock().unwrap().push(note);
    }
}

impl Notes {
    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct World {
    auth_server: MockServer,
    target: MockServer,
    clock: ManualClock,
    notes: Arc<Notes>,
    client: ExchangeClient,
}

impl World {
    async fn new(token_endpoint: impl wiremock::Respond + 'static) -> Self {
        let (auth_server, target) = (auth_server(token_endpoint).await, MockServer::builder().start().await);
        let (clock, notes) = (ManualClock::at(NOW), Arc::new(Notes::default()));
        let client = builder(&auth_server, &clock)
            .client("api-a", SECRET.into())
            .traceparent(|| Some(TRACE.to_owned()))
            .observer(Some(notes.clone()))
            .build()
            .unwrap();
        Self { auth_server, target, clock, notes, client }
    }

    async fn call(&self) -> Result<u32, CallError> {
        let subject = subject("token-a");
        self.client.on_behalf_of(&subject).audience(B).scope(&scope("read")).get(self.target.uri()).receive().await
    }
}

#[tokio::test]
async fn an_observer_sees_the_exchange_and_the_call_with_their_answers() {
    let world = World::new(answer_each_subject).await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200).set_body_json(7)).mount(&world.target).await;
    assert_eq!(world.call().await, Ok(7));
    let notes = world.notes.taken();
    let [asked, given, called, answered] = &notes[..] else { panic!("{notes:#?}") };
    assert!(asked.starts_with(&format!("Exchange sent POST {}/token", world.auth_server.uri())), "{asked}");
    assert!(asked.contains("subject_token=token-a") && asked.contains("scope=read"), "{asked}");
    assert!(asked.contains(r#"("authorization", "Basic $CLIENT_SECRET")"#), "{asked}");
    assert!(given.starts_with("Exchange 200") && given.contains(r#""for token-a""#), "{given}");
    assert!(called.starts_with(&format!("Call sent GET {}/", world.target.uri())), "{called}");
    assert!(called.contains(r#"("authorization", "Bearer for token-a")"#) && called.contains(TRACE), "{called}");
    assert_eq!(answered, "Call 200 7");
}

#[tokio::test]
async fn an_observer_never_sees_the_clients_secret() {
    use base64::Engine as _;
    let world = World::new(answer_each_subject).await;
    let _ = world.call().await;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("api-a:{SECRET}"));
    let notes = world.notes.taken().concat();
    assert!(!notes.contains("canary") && !notes.contains(&encoded), "{notes}");
}

#[tokio::test]
async fn a_token_that_was_kept_is_told_as_such() {
    let world = World::new(answer_each_subject).await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200).set_body_json(7)).mount(&world.target).await;
    world.call().await.unwrap();
    world.notes.taken();
    world.call().await.unwrap();
    let notes = world.notes.taken();
    assert_eq!((notes.len(), notes[0].as_str()), (3, "kept for token-a"), "{notes:#?}");
}

#[tokio::test]
async fn a_refusal_is_told_and_told_again_while_it_is_kept() {
    let world = World::new(refused_always).await;
    assert!(world.call().await.is_err() && world.call().await.is_err());
    let notes = world.notes.taken();
    let [_, answer, kept] = &notes[..] else { panic!("{notes:#?}") };
    assert!(answer.starts_with("Exchange 400") && answer.contains("target_not_paired"), "{answer}");
    assert!(kept.starts_with("kept refusal: not allowed: invalid_target"), "{kept}");
}

fn refused_always(_: &Request) -> ResponseTemplate {
    refused("invalid_target", "target_not_paired: x")
}

#[tokio::test]
async fn a_target_that_is_away_or_refuses_is_told() {
    let mut world = World::new(answer_each_subject).await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(403).set_body_string("why"))
        .mount(&world.target)
        .await;
    assert_eq!(world.call().await, Err(CallError::Forbidden));
    assert_eq!(world.notes.taken()[3], "Call 403 why");
    let address = world.target.uri();
    drop(std::mem::replace(&mut world.target, MockServer::start().await));
    let subject = subject("token-a");
    let call = world.client.on_behalf_of(&subject).audience(B).scope(&scope("read")).get(address);
    assert!(matches!(call.receive::<u32>().await, Err(CallError::Away(_))));
    let notes = world.notes.taken();
    assert!(notes[2].starts_with("Call failed: the target API is away"), "{notes:#?}");
}

#[tokio::test]
async fn an_exchange_that_takes_too_long_is_told_as_failed() {
    let world = World::new(|_: &Request| granted("late", "read").set_delay(Duration::from_secs(3))).await;
    assert!(world.call().await.is_err());
    let notes = world.notes.taken();
    assert!(notes.len() == 2 && notes[1].starts_with("Exchange failed: "), "{notes:#?}");
}

#[tokio::test]
async fn what_is_not_even_sent_is_told() {
    let world = World::new(answer_each_subject).await;
    world.clock.advance(time::Duration::minutes(10));
    assert_eq!(world.call().await, Err(ExchangeError::SubjectExpired.into()));
    assert_eq!(world.notes.taken(), ["not sent: the subject token has expired"]);
}
