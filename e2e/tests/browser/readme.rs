//! The picture at the top of the README is what the page really looks like: taken here, where `DEPUTY_TAKE_PICTURES=1` asks for it.

use std::path::Path;

use anyhow::{Result, ensure};
use e2e::browser::Browser;
use e2e::stack::Stack;
use e2e::suite;

use crate::kit::{ask, picture, resize, run_as_alice};

const MOST_BYTES: u64 = 200_000;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[tokio::test]
async fn the_picture_in_the_readme_is_taken_by_this_test() -> Result<()> {
    if suite::takes_pictures() {
        let Some(browser) = Browser::for_test().await? else { return Ok(()) };
        let stack = Stack::builder().in_process().start().await?;
        run_as_alice(&browser, &stack).await?;
        resize(&browser, 1280, 1000).await?;
        // Down to the last of the six steps, without the scrollbar.
        let below =
            ask(&browser, "return document.querySelector('.stage').getBoundingClientRect().bottom + scrollY + 12")
                .await?;
        let width = ask(&browser, "return document.documentElement.clientWidth").await?;
        std::fs::write(root().join("docs/demo.png"), picture(&browser, &width, &below).await?)?;
        browser.close().await?;
        stack.stop().await?;
    }
    let readme = std::fs::read_to_string(root().join("README.md"))?;
    ensure!(readme.contains("](docs/demo.png)"), "README.md does not show docs/demo.png");
    let picture = std::fs::metadata(root().join("docs/demo.png"))?;
    ensure!((10_000..MOST_BYTES).contains(&picture.len()), "docs/demo.png has {} bytes", picture.len());
    Ok(())
}
