//! A database that comes from a backup: what was used or revoked since must not come back to life.

use std::path::{Path, PathBuf};

use anyhow::Result;
use e2e::stack::{Service, Stack};
use e2e::steps::{Person, Tokens};

fn database(stack: &Stack) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|ending| stack.directory().join(format!("auth-server.sqlite{ending}")))
}

/// What is in the write-ahead log belongs to the database.
fn copy_all(files: &[PathBuf], backup: &Path) -> Result<()> {
    for (place, file) in files.iter().enumerate().filter(|(_, file)| file.exists()) {
        std::fs::copy(file, backup.with_extension(place.to_string()))?;
    }
    Ok(())
}

#[tokio::test]
async fn after_a_restore_nothing_is_used_twice_and_nothing_revoked_comes_back() -> Result<()> {
    let mut stack = Stack::builder().in_process().start().await?;
    let (app, alice) = (stack.app()?, Person::named("alice")?);
    let before = app.sign_in(&alice).await?;
    let revoked = app.sign_in(&alice).await?;
    let (code, request) = app.obtain_code(&alice).await?;

    stack.stop_service(Service::AuthServer).await?;
    let backup = stack.directory().join("backup");
    copy_all(&database(&stack), &backup)?;
    stack.start_service(Service::AuthServer).await?;
    let renewed: Tokens = app.refresh(before.refresh_token()?).await?.expect_status(200)?.read()?;
    app.redeem(&code, &request.verifier).await?.expect_status(200)?;
    stack.auth_server.revoke(&app.credentials, revoked.refresh_token()?).await?.expect_status(200)?;

    stack.stop_service(Service::AuthServer).await?;
    for file in database(&stack).iter().filter(|file| file.exists()) {
        std::fs::remove_file(file)?;
    }
    for (place, file) in database(&stack).iter().enumerate() {
        let kept = backup.with_extension(place.to_string());
        if kept.exists() {
            std::fs::copy(kept, file)?;
        }
    }
    let restored = stack.command(&["restored"], |_| {}).await?;
    assert_eq!((restored.code, restored.stdout.trim()), (0, "2 grants have ended: everybody signs in again"));
    stack.start_service(Service::AuthServer).await?;

    for token in [before.refresh_token()?, renewed.refresh_token()?, revoked.refresh_token()?] {
        app.refresh(token).await?.expect_error(400, "invalid_grant")?;
    }
    app.redeem(&code, &request.verifier).await?.expect_error(400, "invalid_grant")?;
    for token in [&before.access_token, &revoked.access_token] {
        stack.auth_server.userinfo(token).await?.expect_challenge(401, "invalid_token")?;
    }
    let page = alice.look_at(stack.auth_server.url("/account").parse()?).await?;
    assert_eq!(page.url.path(), "/login", "the session ended, too");
    let verified = stack.command(&["audit", "verify"], |_| {}).await?;
    assert_eq!(verified.code, 0, "{verified:?}");
    app.sign_in(&alice).await?;
    stack.stop().await
}
