//! The documents name what the code has: every reason of a refused exchange, and every setting.
#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(repository().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// All string literals of a file, outside its tests, that look like a reason's name.
fn reasons(file: &str) -> Vec<String> {
    let text = read(file);
    let code = text.split("#[cfg(test)]").next().unwrap();
    let quoted = code.split('"').skip(1).step_by(2);
    let looks_like_one = |text: &&str| text.contains('_') && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    quoted.filter(looks_like_one).map(str::to_owned).collect()
}

/// The fields of a struct, as a configuration file names them.
fn fields(file: &str, name: &str) -> Vec<String> {
    let syntax = syn::parse_file(&read(file)).unwrap();
    let found = syntax.items.into_iter().find_map(|item| match item {
        syn::Item::Struct(item) if item.ident == name => Some(item.fields),
        _ => None,
    });
    let fields = found.unwrap_or_else(|| panic!("{file} has no struct {name}"));
    fields.into_iter().map(|field| field.ident.unwrap().to_string()).collect()
}

fn missing(document: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    names.into_iter().filter(|name| !document.contains(&format!("`{name}`"))).collect()
}

#[test]
fn every_reason_of_a_refused_exchange_is_explained() {
    let parameters = [
        "actor_token",
        "subject_token",
        "subject_token_type",
        "requested_token_type",
        "client_id",
        "grant_type",
        "client_secret",
        "offline_access",
        "on_behalf_of",
        "requested_token_use",
    ];
    let files = [
        "exchange/refusal.rs",
        "grants/on_behalf_of/gathering.rs",
        "protocol/jwt_bearer.rs",
        "protocol/target.rs",
        "protocol/token_exchange.rs",
    ];
    let named = files.map(|file| reasons(&format!("auth-server/src/{file}")));
    let mut reasons: Vec<String> = named.concat();
    reasons.retain(|reason| !parameters.contains(&reason.as_str()) && reason != "actor_token_type");
    assert!(reasons.len() > 25, "the reasons were not found: {reasons:?}");
    let missing = missing(&read("docs/on-behalf-of.md"), reasons);
    assert!(missing.is_empty(), "docs/on-behalf-of.md does not explain {missing:?}");
}

#[test]
fn every_setting_is_explained() {
    let document = read("docs/configuration.md");
    let settings = "auth-server/src/config/settings.rs";
    let below = |table: &str, names: Vec<String>| names.into_iter().map(|name| format!("{table}.{name}")).collect();
    let tables = [
        "database",
        "tls",
        "keys",
        "lifetimes",
        "sign_in",
        "exchange",
        "dpop",
        "ledger",
        "apis",
        "clients",
        "pairings",
        "users",
    ];
    let mut names: Vec<String> = fields(settings, "Settings");
    names.retain(|name| !tables.contains(&name.as_str()));
    let parts: [Vec<String>; 13] = [
        below("database", fields(settings, "DatabaseSection")),
        below("tls", fields("auth-server/src/tls/files.rs", "TlsFiles")),
        below("keys", fields(settings, "KeySettings")),
        below("lifetimes", fields(settings, "LifetimeSettings")),
        below("sign_in", fields(settings, "SignInSettings")),
        below("exchange", fields(settings, "ExchangeSettings")),
        below("dpop", fields(settings, "DpopSettings")),
        below("ledger.sink", fields(settings, "SinkSettings")),
        fields(settings, "UserSettings"),
        fields("auth-server/src/registry/api.rs", "ApiDocument"),
        fields("auth-server/src/registry/sign_in_strength.rs", "SignInStrength"),
        fields("auth-server/src/registry/client.rs", "ClientDocument"),
        fields("auth-server/src/registry/pairing.rs", "Pairing"),
    ];
    names.extend(parts.concat());
    for (file, table, of) in [
        ("api-a/src/config/mod.rs", "", "Settings"),
        ("api-b/src/config.rs", "", "Settings"),
        ("shared-claims/src/status_list/keeper.rs", "status.", "StaleSettings"),
        ("api-a/src/config/mod.rs", "client.", "ClientIdentity"),
        ("api-a/src/config/mod.rs", "downstream.", "Downstream"),
        ("api-a/src/config/mod.rs", "archive.", "Archive"),
        ("api-a/src/config/mod.rs", "demo_other_client.", "ClientIdentity"),
        ("api-a/src/config/demo.rs", "demo_chain.", "Chain"),
    ] {
        let tables = ["database", "client", "downstream", "archive", "status", "demo_chain", "demo_other_client"]
            .map(str::to_owned);
        let own = fields(file, of).into_iter().filter(|name| !tables.contains(name));
        names.extend(own.map(|name| format!("{table}{name}")));
    }
    let missing = missing(&document, names);
    assert!(missing.is_empty(), "docs/configuration.md does not explain {missing:?}");
}

/// The blocks of a document in one language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let text = read(document);
    text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_configuration_in_the_guides_can_be_used() {
    let rest = "issuer = 'http://localhost:9000'\n[database]\nurl = 'sqlite://x.sqlite'\n[keys]\nmaster_key = \
                'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='\n";
    for document in ["docs/protect-your-api.md", "docs/migrating.md"] {
        let of_the_auth_server = blocks(document, "toml").into_iter().filter(|block| block.contains("[["));
        let mut found = 0;
        for block in of_the_auth_server {
            found += 1;
            let used = auth_server::Config::from_toml(&format!("{rest}{block}"));
            assert!(used.is_ok(), "{document}: {}", used.unwrap_err());
        }
        assert!(found > 0, "{document} has no configuration");
    }
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    let mut documents = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned(), "SECURITY.md".to_owned()];
    for entry in walkdir::WalkDir::new(repository().join("docs")).into_iter().map(Result::unwrap) {
        if entry.path().extension().is_some_and(|extension| extension == "md") {
            documents.push(entry.path().strip_prefix(repository()).unwrap().display().to_string());
        }
    }
    for document in documents {
        let text = read(&document);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
            let path = repository().join(&document).parent().unwrap().join(target.split('#').next().unwrap());
            assert!(path.exists(), "{document}: {target} leads nowhere");
        }
    }
}
