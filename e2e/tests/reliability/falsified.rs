//! The checker is checked: a true history passes, and each kind of lie in it is found.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::json;

use crate::history::{Asked, Entry, Granted, Outcome, Row, Rows, check};

fn granted(jti: &str, actors: usize) -> Granted {
    let scope = BTreeSet::from(["read".to_owned()]);
    Granted { jti: jti.into(), grant: "grant".into(), user: "alice".into(), scope, actors }
}

fn row(grant_type: &str, jti: &str, parent: &str) -> Row {
    let body = json!({
        "grant_type": grant_type, "jti": jti, "parent_jti": parent, "grant": "grant", "user": "alice", "scope": "read",
    });
    Row { kind: "issued".into(), body }
}

/// Somebody signs in, refreshes, has a token exchanged, and takes it all back.
struct Story {
    history: Vec<Entry>,
    rows: Rows,
}

impl Story {
    fn told() -> Self {
        let subject = || "refreshed".to_owned();
        let steps = [
            (Asked::Code("code".into()), Outcome::Granted(granted("first", 0))),
            (Asked::Refresh("refresh".into()), Outcome::Lost),
            (Asked::Refresh("refresh".into()), Outcome::Granted(granted("refreshed", 0))),
            (Asked::Exchange { subject: subject() }, Outcome::Granted(granted("exchanged", 2))),
            (Asked::Revocation { grant: "grant".into() }, Outcome::Revoked),
            (Asked::Exchange { subject: subject() }, Outcome::Refused { status: 400, error: "invalid_request".into() }),
        ];
        let entry =
            |(place, (asked, outcome)): (u64, _)| Entry { asked, outcome, began: 2 * place, ended: 2 * place + 1 };
        let rows = vec![
            Row { kind: "signed in".into(), body: json!({ "user": "alice" }) },
            row("authorization_code", "first", ""),
            row("refresh_token", "lost", "first"),
            row("refresh_token", "refreshed", "first"),
            row("exchange", "exchanged", "refreshed"),
        ];
        Self { history: (0..).zip(steps).map(entry).collect(), rows: Rows(rows) }
    }

    fn outcome(&mut self, place: usize) -> &mut Granted {
        let Outcome::Granted(granted) = &mut self.history[place].outcome else { panic!("nothing was granted") };
        granted
    }
}

#[test]
fn a_true_history_passes() {
    let story = Story::told();
    check(&story.history, &story.rows).unwrap();
}

#[rstest]
#[case::no_row(|story: &mut Story| { story.rows.0.pop(); }, "without its row")]
#[case::two_rows(|story: &mut Story| story.rows.0.push(row("exchange", "exchanged", "refreshed")), "two rows")]
#[case::no_parent(|story: &mut Story| { story.rows.0.remove(1); }, "without its row")]
#[case::unknown_parent(|story: &mut Story| story.rows.0[3].body["parent_jti"] = "x".into(), "of which there is no row")]
#[case::parent_of_another(|story: &mut Story| story.rows.0[1].body["user"] = "bob".into(), "the row says")]
#[case::nobody_signed_in(|story: &mut Story| { story.rows.0.remove(0); }, "nobody signed in")]
#[case::another_user(|story: &mut Story| story.outcome(3).user = "bob".into(), "the row says")]
#[case::wider_scope(|story: &mut Story| { story.outcome(3).scope.insert("write".into()); }, "the row says")]
#[case::no_actor(|story: &mut Story| story.outcome(3).actors = 0, "who acts")]
#[case::lost_and_yet_answered(|story: &mut Story| story.history[1].outcome = Outcome::Granted(granted("lost", 0)), "used twice")]
#[case::made_twice(|story: &mut Story| story.rows.0.push(row("authorization_code", "again", "")), "made twice")]
#[case::after_the_end(|story: &mut Story| story.history[3].began = 100, "after its grant was revoked")]
fn a_lie_is_found(#[case] lie: fn(&mut Story), #[case] expected: &str) {
    let mut story = Story::told();
    lie(&mut story);
    let found = check(&story.history, &story.rows).unwrap_err().to_string();
    assert!(found.contains(expected), "{found}");
}
