//! `auth-server exchange graph` as a process: what it prints, and what its exit code says to a script.
#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

/// Runs the command without any of this machine's variables.
fn graph(config: Option<&Path>, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auth-server"));
    command.env_clear().args(["exchange", "graph"]).args(arguments);
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn demo() -> PathBuf {
    repository().join("demo/auth-server.toml")
}

/// The demo world's configuration, and others made from it.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn demo_with(&self, name: &str, change: impl FnOnce(String) -> String) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, change(std::fs::read_to_string(demo()).unwrap())).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn demo(&self) -> String {
        self.demo_with("demo.toml", |text| text)
    }

    /// The machine may write, too. That writing receipts requires less changes nothing: every app may ask for both.
    fn wider(&self) -> String {
        let required = r#"{ scope = "write:receipts", requires = "write:reports" }"#;
        let machine = r#"allowed_scopes = { "https://api-a.example" = ["read:reports"] }"#;
        self.demo_with("wider.toml", |text| {
            assert!(text.contains(required) && text.contains(machine), "the demo has changed");
            text.replace(required, r#""write:receipts""#)
                .replace(machine, r#"allowed_scopes = { "https://api-a.example" = ["read:reports", "write:reports"] }"#)
        })
    }

    fn broken(&self) -> String {
        self.demo_with("broken.toml", |text| text.replace("[\"read:archive\"]", "[\"read:archives\"]"))
    }
}

#[test]
fn the_guide_shows_the_graph_of_the_demo_world() {
    let guide = std::fs::read_to_string(repository().join("docs/exchange-graph.md")).unwrap();
    for (fence, arguments) in
        [("text", &[][..]), ("mermaid", &["--format", "mermaid"]), ("text", &["--can-reach", "write:receipts"])]
    {
        let said = graph(Some(&demo()), arguments);
        assert_eq!((said.code, said.err.as_str()), (0, ""));
        assert!(guide.contains(&format!("```{fence}\n{}```", said.out)), "docs/exchange-graph.md lacks:\n{}", said.out);
    }
}

#[test]
fn somebody_who_can_get_a_scope_is_0_and_nobody_is_1() {
    let reached = graph(Some(&demo()), &["--can-reach", "https://api-b.example/read:receipts"]);
    assert_eq!(reached.code, 0);
    assert!(
        reached.out.contains("demo-app (user) -> https://api-a.example -> https://api-b.example:"),
        "{}",
        reached.out
    );

    let files = Files::new();
    let alone = files.demo_with("alone.toml", |text| {
        text.replace("\"read:receipts\", { scope", "{ scope").replace("scopes = [\"read:receipts\"]", "scopes = []")
    });
    let nobody = graph(Some(Path::new(&alone)), &["--can-reach", "read:receipts"]);
    assert_eq!((nobody.code, nobody.out.as_str()), (1, "nobody can get read:receipts at https://api-b.example\n"));
}

#[test]
fn a_machine_is_among_those_who_can_get_there_only_where_pairings_take_machines() {
    let reaches = |config: &str| graph(Some(Path::new(config)), &["--can-reach", "read:archive"]).out;
    let files = Files::new();
    assert!(!reaches(&files.demo()).contains("demo-machine"));
    let taken = files.demo_with("machines.toml", |text| {
        text.replace("scopes = [\"read:archive\"]", "scopes = [\"read:archive\"]\nmachine_subjects = true")
    });
    assert!(reaches(&taken).contains("demo-machine (machine) -> https://api-a.example -> https://api-c.example"));
}

#[test]
fn a_change_that_opens_something_is_1_and_one_that_only_closes_is_0() {
    let files = Files::new();
    let (demo, wider) = (files.demo(), files.wider());
    let opens = graph(None, &["--diff", &demo, &wider]);
    assert_eq!(opens.code, 1, "{}", opens.err);
    let narrow = |sign: char, word: &str| {
        let line = |app: &str| {
            format!(
                "{sign} {app} (user holding no more than read:reports) -> https://api-a.example -> \
                 https://api-b.example: write:receipts ({word})\n"
            )
        };
        line("demo-app") + &line("demo-web")
    };
    let machine = "demo-machine (machine) -> https://api-a.example: write:reports";
    assert_eq!(opens.out, format!("+ {machine} (wider)\n{}", narrow('+', "wider")));

    let closes = graph(None, &["--diff", &wider, &demo]);
    assert_eq!(closes.code, 0);
    assert_eq!(closes.out, format!("- {machine} (narrower)\n{}", narrow('-', "narrower")));

    let same = graph(None, &["--diff", &demo, &demo]);
    assert_eq!((same.code, same.out.as_str()), (0, "nothing is opened, nothing is closed\n"));
}

#[test]
fn a_change_is_told_with_all_that_lies_behind_it() {
    let files = Files::new();
    let beyond = files.demo_with("beyond.toml", |text| {
        text + r#"
[[pairings]]
source = "https://api-b.example"
target = "https://api-c.example"
scopes = ["read:archive"]

[[clients]]
id = "api-b"
name = "Receipts"
secret = "api-b-secret-0123456789abcdefghijklmnopqrstuvwxyz"
api = "https://api-b.example"
grant_types = ["urn:ietf:params:oauth:grant-type:token-exchange"]
"#
    });
    let said = graph(None, &["--diff", &files.demo(), &beyond]);
    let ways = |app: &str| {
        let (second, rest) = ("-> https://api-a2.example ", "-> https://api-b.example -> https://api-c.example");
        let way = |between: String| {
            format!("+ {app} (user) -> https://api-a.example {between}{rest}: read:archive (new path)\n")
        };
        [2, 1, 0].map(|times| way(second.repeat(times))).concat()
    };
    assert_eq!((said.code, said.out), (1, ways("demo-app") + &ways("demo-web")));
}

#[test]
fn a_user_who_is_no_longer_asked_is_an_opening() {
    let files = Files::new();
    let unasked = files.demo_with("unasked.toml", |text| {
        text.replace(
            "identifier = \"https://api-c.example\"",
            "identifier = \"https://api-c.example\"\nskip_consent = true",
        )
    });
    let said = graph(None, &["--diff", &files.demo(), &unasked]);
    assert_eq!(said.code, 1);
    let way = "-> https://api-a.example -> https://api-c.example: no longer needs [consent]";
    assert_eq!(said.out, format!("+ demo-app (user) {way}\n+ demo-web (user) {way}\n"));
}

#[rstest]
#[case::unknown_scope(&["--can-reach", "read:everything"], "no API has the scope \"read:everything\"")]
#[case::unknown_api(&["--can-reach", "https://api-x.example/read:receipts"], "no API has the scope")]
#[case::an_api_alone(&["--can-reach", "https://api-b.example"], "https://api-b.example/read:receipts")]
#[case::both(&["--can-reach", "read:receipts", "--diff", "a.toml", "b.toml"], "cannot be used with")]
#[case::one_file(&["--diff", "a.toml"], "2 values required")]
#[case::missing_files(&["--diff", "/nowhere/a.toml", "/nowhere/b.toml"], "/nowhere/a.toml")]
#[case::unknown_format(&["--format", "svg"], "possible values: text, mermaid, dot, json")]
fn what_cannot_be_answered_is_2_and_says_why(#[case] arguments: &[&str], #[case] expected: &str) {
    let said = graph(Some(&demo()), arguments);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains(expected), "{}", said.err);
}

#[test]
fn a_bad_configuration_is_2_with_its_file_and_mistake_named() {
    let files = Files::new();
    let (good, broken) = (files.demo(), files.broken());
    let in_any_place = [
        graph(None, &["--diff", &broken, &good]),
        graph(None, &["--diff", &good, &broken]),
        graph(Some(Path::new(&broken)), &[]),
    ];
    for said in in_any_place {
        assert_eq!((said.code, said.out.as_str()), (2, ""));
        assert!(said.err.contains("broken.toml") && said.err.contains("no scope read:archives"), "{}", said.err);
    }
    let missing = graph(Some(Path::new("/nowhere/auth-server.toml")), &[]);
    assert!(missing.code == 2 && missing.err.contains("/nowhere/auth-server.toml"), "{}", missing.err);
    assert_eq!(graph(None, &[]).code, 2, "no configuration at all");
}

#[test]
fn json_reads_back() {
    let all = graph(Some(&demo()), &["--format", "json"]).json();
    let paths = all["paths"].as_array().unwrap();
    let through: Vec<_> = paths.iter().filter(|path| path["app"] == "demo-app").map(|path| &path["steps"]).collect();
    let to_api_b = through.iter().find(|steps| steps[1]["api"] == "https://api-b.example").unwrap();
    assert_eq!(
        **to_api_b,
        json!([
            { "api": "https://api-a.example", "scope": "read:reports write:reports", "conditions": [] },
            { "api": "https://api-b.example", "scope": "read:receipts write:receipts",
              "conditions": [{ "condition": "permissions" }] },
        ])
    );

    let reach = graph(Some(&demo()), &["--can-reach", "read:archive", "--format", "json"]).json();
    assert_eq!((&reach["scope"], &reach["apis"]), (&json!("read:archive"), &json!(["https://api-c.example"])));
    assert_eq!(reach["paths"].as_array().unwrap().len(), 2);

    let files = Files::new();
    let change = graph(None, &["--diff", &files.demo(), &files.wider(), "--format", "json"]);
    let narrow = |app: &str| {
        json!({
            "app": app, "subject": "user", "holding": "read:reports",
            "apis": ["https://api-a.example", "https://api-b.example"],
            "whole_path": false, "scope": "write:receipts", "conditions": [],
        })
    };
    let machine = json!({
        "app": "demo-machine", "subject": "machine", "apis": ["https://api-a.example"],
        "whole_path": false, "scope": "write:reports", "conditions": [],
    });
    let expected = json!({ "opened": [machine, narrow("demo-app"), narrow("demo-web")], "closed": [] });
    assert_eq!((change.code, change.json()), (1, expected));
}

#[test]
fn a_change_is_drawn_in_both_picture_formats() {
    let files = Files::new();
    let (demo, wider) = (files.demo(), files.wider());
    let drawn = |old: &str, new: &str, format: &str| graph(None, &["--diff", old, new, "--format", format]).out;
    assert!(drawn(&demo, &wider, "mermaid").contains("n0 ==>|\"#43; write:reports\"| n1"));
    assert!(drawn(&wider, &demo, "mermaid").contains("n0 -.->|\"#45; write:reports\"| n1"));
    assert!(drawn(&demo, &wider, "dot").contains("n0 -> n1 [label=\"+ write:reports\", color=darkgreen"));
    assert!(drawn(&wider, &demo, "dot").contains("n0 -> n1 [label=\"- write:reports\", color=red"));
}

#[test]
fn a_name_cannot_leave_its_label() {
    let files = Files::new();
    let hostile =
        files.demo_with("hostile.toml", |text| text.replace("https://api-c.example", "https://c.example/\\\"];x<b>`"));
    let written = |format: &str| {
        let said = graph(Some(Path::new(&hostile)), &["--format", format]);
        assert_eq!(said.code, 0, "{}", said.err);
        said.out
    };
    assert!(written("mermaid").contains("n4[\"https://c.example/#34;]#59;x#60;b#62;#96;\"]"));
    assert!(written("dot").contains("n4 [label=\"https://c.example/\\\"];x<b>`\"]"));
    let json: Value = serde_json::from_str(&written("json")).unwrap();
    assert!(
        json["paths"].as_array().unwrap().iter().any(|path| path["steps"][1]["api"] == "https://c.example/\"];x<b>`")
    );
}

#[test]
fn the_environment_wins_over_the_file_as_it_does_for_the_server() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auth-server"));
    command.env_clear().args(["exchange", "graph"]).env("AUTH_SERVER_CONFIG", demo());
    let output = command.env("AUTH_SERVER_EXCHANGE__MAX_ACTORS", "1").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("https://api-a.example") && !text.contains("https://api-b.example"), "{text}");
}
