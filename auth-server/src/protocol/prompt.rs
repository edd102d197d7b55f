//! The `prompt` parameter: what the person should be asked (OIDC Core section 3.1.2.1).

use std::collections::BTreeSet;

use super::error::OAuthError;

/// One value of `prompt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PromptValue {
    None,
    Login,
    Consent,
    SelectAccount,
}

impl PromptValue {
    pub const ALL: [Self; 4] = [Self::None, Self::Login, Self::Consent, Self::SelectAccount];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
        }
    }
}

/// The set of values; empty where the parameter was not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt(BTreeSet<PromptValue>);

impl Prompt {
    /// Reads a list separated by spaces. `none` must stand alone; an unknown value is refused, since asking the person
    /// less than the app wanted is not ours to decide.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        let mut values = BTreeSet::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let value = PromptValue::ALL.into_iter().find(|value| value.as_str() == word).ok_or_else(|| {
                OAuthError::invalid_request(
                    "prompt_not_supported",
                    format!("the prompt '{word}' is not one of none, login, consent, select_account"),
                )
            })?;
            values.insert(value);
        }
        if values.len() > 1 && values.contains(&PromptValue::None) {
            return Err(OAuthError::invalid_request(
                "prompt_none_with_others",
                "the prompt 'none' cannot be combined with others",
            ));
        }
        Ok(Self(values))
    }

    /// No page may be shown.
    #[must_use]
    pub fn none(&self) -> bool {
        self.0.contains(&PromptValue::None)
    }

    /// The person must sign in anew. Choosing another account means signing in as another, so it asks the same.
    #[must_use]
    pub fn login(&self) -> bool {
        self.0.contains(&PromptValue::Login) || self.0.contains(&PromptValue::SelectAccount)
    }

    /// The person must consent anew.
    #[must_use]
    pub fn consent(&self) -> bool {
        self.0.contains(&PromptValue::Consent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_form_a_set() {
        let prompt = Prompt::parse("consent login consent").unwrap();
        assert!(prompt.login() && prompt.consent() && !prompt.none());
        assert_eq!(Prompt::parse("login consent").unwrap(), prompt);
        assert_eq!(Prompt::parse(""), Ok(Prompt::default()));
        assert!(Prompt::parse("select_account").unwrap().login());
    }

    #[test]
    fn none_stands_alone() {
        assert!(Prompt::parse("none").unwrap().none());
        assert!(Prompt::parse("none none").unwrap().none());
        for text in ["none login", "consent none", "none select_account"] {
            assert_eq!(Prompt::parse(text).unwrap_err().reason, "prompt_none_with_others", "{text}");
        }
    }

    #[test]
    fn unknown_values_are_refused() {
        for text in ["create", "Login", "login\tconsent", "login,consent"] {
            assert_eq!(Prompt::parse(text).unwrap_err().reason, "prompt_not_supported", "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            let _ = Prompt::parse(&text);
        }
    }
}
