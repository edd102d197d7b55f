use auth_server::store::{Change, Consent, NewGrant, PairingConsent, UserId};

use crate::world::{NOW, World, grant_for, on_both, scope};

on_both!(
    consent_to_pairings_adds_up_and_belongs_to_one_user_client_and_pairing,
    a_pairing_is_taken_back_and_the_others_stay,
    an_app_has_access_by_consent_by_a_pairing_or_by_a_live_grant,
    all_access_of_one_app_ends_at_once_and_of_that_app_alone,
);

const A: &str = "https://api-a.example";
const B: &str = "https://api-b.example";
const C: &str = "https://api-c.example";

fn pairing(target: &str, names: &str) -> PairingConsent {
    PairingConsent { source: A.into(), target: target.into(), scope: scope(names) }
}

async fn agree(world: &World, user: &UserId, client: &str, agreed: Vec<PairingConsent>) {
    world.store.add_pairing_consents(user, client, agreed, NOW).await.unwrap();
}

async fn agreed(world: &World, user: &UserId, client: &str) -> Vec<PairingConsent> {
    world.store.list_pairing_consents(user, client).await.unwrap()
}

async fn consent_to_pairings_adds_up_and_belongs_to_one_user_client_and_pairing(world: World) {
    let (alice, bob) = (world.user("alice").await.id, world.user("bob").await.id);
    agree(&world, &alice, "app", vec![pairing(B, "r"), pairing(C, "r")]).await;
    agree(&world, &alice, "app", vec![pairing(B, "r w")]).await;
    assert_eq!(agreed(&world, &alice, "app").await, [pairing(B, "r w"), pairing(C, "r")]);
    assert!(agreed(&world, &bob, "app").await.is_empty());
    assert!(agreed(&world, &alice, "other").await.is_empty());
}

async fn a_pairing_is_taken_back_and_the_others_stay(world: World) {
    let alice = world.user("alice").await.id;
    agree(&world, &alice, "app", vec![pairing(B, "r w"), pairing(C, "r")]).await;
    agree(&world, &alice, "other", vec![pairing(B, "r")]).await;
    assert_eq!(world.store.delete_pairing_consents(&alice, "app", A, B).await.unwrap(), 2);
    assert_eq!(world.store.delete_pairing_consents(&alice, "app", A, B).await.unwrap(), 0);
    assert_eq!(agreed(&world, &alice, "app").await, [pairing(C, "r")]);
    assert_eq!(agreed(&world, &alice, "other").await, [pairing(B, "r")]);
}

async fn an_app_has_access_by_consent_by_a_pairing_or_by_a_live_grant(world: World) {
    let store = &world.store;
    let (alice, bob) = (world.user("alice").await.id, world.user("bob").await.id);
    let consent = Consent { api: None, scope: scope("openid") };
    store.add_consents(&alice, "by-consent", vec![consent], NOW).await.unwrap();
    agree(&world, &alice, "by-pairing", vec![pairing(B, "r")]).await;
    let grant = NewGrant { client_id: "by-grant".into(), ..grant_for(Some(&alice)) };
    let (grant_id, end) = (grant.id.clone(), grant.expires_at);
    store.make(Change::new_grant(grant)).await.unwrap();
    let clients = async |user: &UserId, now| store.list_clients_with_access(user, now).await.unwrap();
    assert_eq!(clients(&alice, NOW).await, ["by-consent", "by-grant", "by-pairing"]);
    assert_eq!(clients(&alice, end).await, ["by-consent", "by-pairing"]);
    store.make(Change::revocation(&grant_id, "x", NOW)).await.unwrap();
    assert_eq!(clients(&alice, NOW).await, ["by-consent", "by-pairing"]);
    assert!(clients(&bob, NOW).await.is_empty());
}

async fn all_access_of_one_app_ends_at_once_and_of_that_app_alone(world: World) {
    let store = &world.store;
    let (alice, bob) = (world.user("alice").await.id, world.user("bob").await.id);
    let mut grants = Vec::new();
    for (user, client) in [(&alice, "app"), (&alice, "other"), (&bob, "app")] {
        let consent = Consent { api: Some(A.into()), scope: scope("r") };
        store.add_consents(user, client, vec![consent], NOW).await.unwrap();
        agree(&world, user, client, vec![pairing(B, "r")]).await;
        let grant = NewGrant { client_id: client.into(), ..grant_for(Some(user)) };
        grants.push(grant.id.clone());
        store.make(Change::new_grant(grant)).await.unwrap();
    }
    assert_eq!(store.withdraw_access(&alice, "app", "withdrawn_by_user", NOW).await.unwrap(), grants[..1]);
    assert!(agreed(&world, &alice, "app").await.is_empty());
    assert!(store.list_consents(&alice, "app").await.unwrap().is_empty());
    assert_eq!(store.list_clients_with_access(&alice, NOW).await.unwrap(), ["other"]);
    assert_eq!(store.list_clients_with_access(&bob, NOW).await.unwrap(), ["app"]);
    let ended = store.find_grant(&grants[0]).await.unwrap().unwrap();
    assert_eq!(ended.revoked_reason.as_deref(), Some("withdrawn_by_user"));
    for other in &grants[1..] {
        assert!(store.find_grant(other).await.unwrap().unwrap().is_live(NOW));
    }
}
