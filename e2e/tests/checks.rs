//! The checks themselves: against a deployment that is wrong they fail, each where it should.

use anyhow::{Result, ensure};
use e2e::checks::{self, Report, Target, Verdict};
use e2e::stack::{Service, Stack, set};
use e2e::world;

async fn report_on(stack: &Stack) -> Result<Report> {
    let target = Target::demo(stack.issuer(), &stack.api_a_url(), &stack.api_b_url())?.with_archive(&stack.api_c_url());
    Ok(checks::run(&target, |_| ()).await)
}

fn failed(report: &Report) -> Vec<&'static str> {
    report.checks.iter().filter(|line| line.verdict == Verdict::Fail).map(|line| line.name).collect()
}

#[tokio::test]
async fn an_api_that_takes_tokens_for_another_fails() -> Result<()> {
    let careless = |world: &mut e2e::stack::Configuration| set(&mut world.api_b, "identifier", world::API_A);
    let stack = Stack::builder().configured(careless).start().await?;
    let report = report_on(&stack).await?;
    assert_eq!(report.exit_code(), 1);
    ensure!(failed(&report).contains(&"token a at api b is refused"), "{:?}", failed(&report));
    stack.stop().await
}

#[tokio::test]
async fn a_pairing_that_gives_too_much_fails() -> Result<()> {
    let generous = |world: &mut e2e::stack::Configuration| {
        for api in world.auth_server["apis"].as_array_mut().expect("apis") {
            api.as_table_mut().expect("a table").remove("enforce_permissions");
        }
    };
    let stack = Stack::builder().configured(generous).start().await?;
    assert_eq!(failed(&report_on(&stack).await?), ["bob may not write"]);
    stack.stop().await
}

#[tokio::test]
async fn a_service_that_is_away_fails_and_is_not_taken_for_an_unreachable_target() -> Result<()> {
    let mut stack = Stack::builder().start().await?;
    stack.stop_service(Service::ApiB).await?;
    let report = report_on(&stack).await?;
    assert_eq!(report.exit_code(), 1);
    ensure!(failed(&report).contains(&"report over the user's receipts"), "{:?}", failed(&report));
    stack.stop_service(Service::AuthServer).await?;
    assert_eq!(report_on(&stack).await?.exit_code(), 3);
    stack.stop().await
}
