//! The whole demo world over https, with an issuer that ends in a slash: not only the libraries suit it.

use anyhow::Result;
use e2e::checks;
use e2e::stack::Stack;

#[tokio::test]
async fn every_check_of_e2e_run_passes_over_https() -> Result<()> {
    let stack = Stack::builder().as_processes().with_tls().start().await?;
    let target = checks::Target::demo(stack.issuer(), &stack.api_a_url(), &stack.api_b_url())?;
    let report = checks::run(&target, |line| println!("{}", checks::line(line, checks::Style::Plain))).await;
    assert_eq!(report.exit_code(), 0, "{}", checks::summary(&report, checks::Style::Plain));
    stack.stop().await
}
