//! Demo mode: what a call did is told to whoever knows its trace, and to nobody else; and without demo mode to nobody at all.

use reqwest::Response;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::world::{API_B, TRACE, World, header, refused};

const STRANGER: &str = "11111111111111111111111111111111";

impl World {
    async fn trace(&self, id: &str) -> Response {
        self.http.get(self.address(&format!("/demo/trace/{id}"))).send().await.unwrap()
    }

    /// The whole trace of the report, and the text that it came as.
    async fn seen(&self) -> (Vec<Value>, String) {
        let answer = self.trace(TRACE).await;
        assert_eq!(header(&answer, "content-type"), "text/event-stream");
        let text = answer.text().await.unwrap();
        (events(&text), text)
    }
}

fn events(text: &str) -> Vec<Value> {
    let data = |event: &str| {
        let mut lines = event.lines().filter(|line| !line.starts_with("id: "));
        let (name, data) = (lines.next()?, lines.next()?);
        (name == "event: step").then(|| serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap())
    };
    text.split("\n\n").filter_map(data).collect()
}

fn outline(events: &[Value]) -> Vec<String> {
    let part = |event: &Value, key: &str| event[key].to_string().replace('"', "");
    let keys = ["id", "step", "hop", "from", "to", "state"];
    events.iter().map(|event| keys.map(|key| part(event, key)).join(" ")).collect()
}

#[tokio::test]
async fn the_exchange_and_the_call_of_a_report_are_seen_with_their_answers() {
    let world = World::in_demo_mode().await;
    assert_eq!(world.report().await.status(), 200);
    let (events, text) = world.seen().await;
    assert_eq!(
        outline(&events),
        [
            "1 4 0 api-a auth-server started",
            "1 4 0 api-a auth-server done",
            "2 6 0 api-a api-b started",
            "2 6 0 api-a api-b done",
        ]
    );
    let [asked, given, _, called] = &events[..] else { panic!("{text}") };
    assert_eq!(asked["request"]["url"], format!("{}/oauth/token", world.issuer.uri()));
    assert!(asked["request"]["body"].as_str().unwrap().contains(&world.token()[..20]), "{asked}");
    assert_eq!((&asked["response"], &asked["took_ms"]), (&Value::Null, &Value::Null));
    assert_eq!(given["request"], asked["request"], "an outcome can be read alone");
    assert!(given["response"]["body"].as_str().unwrap().contains("token-b") && given["took_ms"].is_number(), "{given}");
    let headers = called["request"]["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["authorization", "Bearer token-b"])), "{called}");
    assert_eq!(called["response"]["status"], 200);
    assert!(text.ends_with("event: end\ndata: {}\n\n"), "{text}");
}

#[tokio::test]
async fn a_trace_may_be_opened_before_its_call() {
    let world = World::in_demo_mode().await;
    let (trace, report) = tokio::join!(world.seen(), world.report());
    assert_eq!((trace.0.len(), report.status().as_u16()), (4, 200));
}

#[tokio::test]
async fn a_reader_that_was_cut_off_goes_on_where_it_was() {
    let world = World::in_demo_mode().await;
    world.report().await;
    let rest = world.http.get(world.address(&format!("/demo/trace/{TRACE}"))).header("last-event-id", "2");
    let rest = rest.send().await.unwrap().text().await.unwrap();
    assert_eq!(outline(&events(&rest)), ["2 6 0 api-a api-b done"]);
}

#[tokio::test]
async fn a_kept_token_is_told_as_kept_and_shown_again() {
    let world = World::in_demo_mode().await;
    let token = world.token();
    for _ in 0..2 {
        let request = world.http.get(world.address("/api/report")).bearer_auth(&token);
        request.header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01")).send().await.unwrap();
    }
    let (events, _) = world.seen().await;
    assert_eq!((events.len(), outline(&events)[4].as_str()), (7, "3 4 0 api-a auth-server done"));
    assert_eq!(events[4]["cached"], true);
    assert!(events[4]["response"]["body"].as_str().unwrap().contains("token-b"), "{}", events[4]);
}

#[tokio::test]
async fn a_refused_exchange_is_seen_and_no_call_after_it() {
    let world = World::configured("demo_trace = true", "").await;
    world.exchange_answers(refused(400, "invalid_target", "target_not_paired: x")).await;
    assert_eq!(world.report().await.status(), 403);
    let (events, _) = world.seen().await;
    assert_eq!(outline(&events)[1..], ["1 4 0 api-a auth-server refused"]);
    assert!(events[1]["response"]["body"].as_str().unwrap().contains("target_not_paired"));
}

#[tokio::test]
async fn an_api_b_that_is_away_is_seen_as_failed() {
    let mut world = World::in_demo_mode().await;
    drop(std::mem::replace(&mut world.api_b, wiremock::MockServer::builder().start().await));
    assert_eq!(world.report().await.status(), 502);
    let (events, _) = world.seen().await;
    let failed = &events[3];
    assert_eq!((&failed["step"], &failed["state"]), (&json!(6), &json!("failed")));
    assert!(failed["error"].as_str().unwrap().contains("the target API is away"), "{failed}");
}

#[tokio::test]
async fn the_clients_secret_is_never_shown() {
    let world = World::in_demo_mode().await;
    world.report().await;
    let (events, text) = world.seen().await;
    assert!(!text.contains("a-secret-of-the-test") && !text.contains("YXBpLWE6"), "{text}");
    let headers = events[0]["request"]["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["authorization", "Basic $CLIENT_SECRET"])), "{text}");
}

#[tokio::test]
async fn a_strangers_trace_gives_nothing() {
    let world = World::in_demo_mode().await;
    world.report().await;
    // A call whose caller made up no trace is nobody's to look at.
    world.http.get(world.address("/api/report")).bearer_auth(world.token()).send().await.unwrap();
    let calls = world.api_b.received_requests().await.unwrap();
    let own = calls[1].headers["traceparent"].to_str().unwrap().split('-').nth(1).unwrap().to_owned();
    let (stranger, unasked) = tokio::join!(world.trace(STRANGER), world.trace(&own));
    for answer in [stranger, unasked] {
        assert_eq!(answer.text().await.unwrap(), "event: end\ndata: {}\n\n");
    }
    for malformed in ["x", "0AF7651916CD43DD8448EB211C80319C", "..%2f"] {
        assert_eq!(world.trace(malformed).await.status(), 404, "{malformed}");
    }
}

#[tokio::test]
async fn no_more_than_a_few_traces_are_read_at_a_time() {
    let world = World::in_demo_mode().await;
    let mut open = Vec::new();
    for number in 0..64 {
        open.push(world.trace(&format!("{number:032x}")).await);
    }
    let one_more = world.trace(STRANGER).await;
    assert_eq!((one_more.status().as_u16(), header(&one_more, "retry-after").as_str()), (503, "1"));
}

#[tokio::test]
async fn the_page_is_told_what_can_be_shown_and_may_call_api_b() {
    let keys = "demo_trace = true";
    let world =
        World::configured(keys, "[demo_chain]\naudience = 'https://api-a2.example'\nurl = 'http://localhost:1'").await;
    let page = world.http.get(world.address("/")).send().await.unwrap();
    let policy = header(&page, "content-security-policy");
    assert!(policy.contains(&format!("connect-src 'self' {} {};", world.issuer.uri(), world.api_b.uri())), "{policy}");
    let settings: Value =
        world.http.get(world.address("/demo/config.json")).send().await.unwrap().json().await.unwrap();
    let demo = &settings["demo"];
    assert_eq!(demo["api_b"], json!({ "url": world.api_b.uri(), "identifier": API_B }));
    assert_eq!(demo["chain"], json!({ "identifier": "https://api-a2.example" }));
    assert_eq!(demo["client_id"], "api-a");
}

#[tokio::test]
async fn without_demo_mode_there_is_nothing_of_it() {
    let world = World::that_works().await;
    world.report().await;
    assert_eq!(world.trace(TRACE).await.status(), 404);
    let settings: Value =
        world.http.get(world.address("/demo/config.json")).send().await.unwrap().json().await.unwrap();
    assert_eq!(settings["demo"], Value::Null);
}

#[tokio::test]
async fn a_long_body_is_cut() {
    let world = World::configured("demo_trace = true", "").await;
    world.exchange_answers(crate::world::exchanged()).await;
    world.api_b_answers(ResponseTemplate::new(200).set_body_string("x".repeat(100_000))).await;
    assert_eq!(world.report().await.status(), 502);
    let (events, _) = world.seen().await;
    assert!(events[3]["response"]["body"].as_str().unwrap().len() < 20_000);
}
