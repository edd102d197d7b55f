//! The demo app's page, its files and its settings.

use serde_json::{Value, json};

use crate::world::{API_A, World, header};

#[tokio::test]
async fn the_demo_app_may_load_its_own_files_and_speak_to_the_auth_server_alone() {
    let world = World::start().await;
    for at in ["/", "/callback?code=x&state=y"] {
        let page = world.http.get(world.address(at)).send().await.unwrap();
        let policy = header(&page, "content-security-policy");
        assert!(policy.contains(&format!("connect-src 'self' {};", world.issuer.uri())), "{policy}");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&page, "referrer-policy"), "no-referrer");
        let text = page.text().await.unwrap();
        for hook in [
            "sign-in",
            "user-name",
            "load-report",
            "report",
            "load-archive",
            "archive",
            "receipt-form",
            "sign-out",
            "message",
        ] {
            assert!(text.contains(&format!("id=\"{hook}\"")), "#{hook}");
        }
        assert!(!text.contains("style=") && !text.contains("onclick") && !text.contains("<script>"), "nothing inline");
    }
}

#[tokio::test]
async fn the_demo_apps_files_are_there_and_nothing_beside_them() {
    let world = World::start().await;
    for (file, kind) in [("style.css", "text/css"), ("js/main.js", "text/javascript"), ("icon.svg", "image/svg+xml")] {
        let answer = world.http.get(world.address(&format!("/app/{file}"))).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "content-type")),
            (200, format!("{kind}; charset=utf-8"))
        );
        let known =
            world.http.get(world.address(&format!("/app/{file}"))).header("If-None-Match", header(&answer, "etag"));
        assert_eq!(known.send().await.unwrap().status(), 304);
    }
    for nothing in ["/app/none.js", "/app/..%2fCargo.toml", "/app//etc/passwd", "/none"] {
        assert_eq!(world.http.get(world.address(nothing)).send().await.unwrap().status(), 404, "{nothing}");
    }
}

#[tokio::test]
async fn the_demo_app_is_told_where_to_sign_in() {
    let world = World::start().await;
    let settings: Value =
        world.http.get(world.address("/demo/config.json")).send().await.unwrap().json().await.unwrap();
    assert_eq!(settings["issuer"], world.issuer.uri());
    assert_eq!(settings["redirect_uri"], "http://localhost:9001/callback");
    assert_eq!((&settings["client_id"], &settings["audience"]), (&json!("demo-app"), &json!(API_A)));
    assert_eq!(settings["scope"], "openid profile offline_access read:reports write:reports");
    assert_eq!(settings["archive"], true);
}
