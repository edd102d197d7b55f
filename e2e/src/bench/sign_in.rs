//! A sign-in by the form, from beginning to end, in a browser that has never been here: the app sends it to `/authorize`, which
//! leads to the form; the form is filled in and sent, a session begins, and the browser goes back to the app with a code.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use url::Url;

use super::connection::{Answer, Connection};
use super::people::PASSWORD;
use super::request::{self, Request};

/// Who signs in, one after the other, and for what.
#[derive(Clone)]
pub struct SignIn {
    /// Where the app sends them.
    pub authorize: Url,
    /// The request for that.
    pub request: Request,
    pub people: Arc<[String]>,
}

impl SignIn {
    /// The sign-in of one of them, who comes from an address of their own: `number` tells which. The answer leads back to the app.
    pub async fn of<'a>(&self, number: u64, connection: &'a mut Connection) -> Result<Answer<'a>> {
        let place = number.checked_rem(self.people.len() as u64).context("nobody to sign in")?;
        let person = &self.people[usize::try_from(place)?];
        let sent_here = connection.ask(&self.request).await?;
        let browser = sent_here.cookies();
        let mut login = self.authorize.join(leads_to(&sent_here)?)?;
        let page = connection.ask(&request::get(&login, &[("cookie", &browser)])).await?;
        ensure!(page.status == 200, "the form: {}", page.status);
        let csrf = hidden(std::str::from_utf8(page.body)?, "csrf").context("a form without its protection")?.to_owned();
        let waiting = login.query_pairs().find(|(name, _)| name == "request").map(|(_, id)| id.into_owned());
        let waiting = waiting.context("a form for no request")?;
        login.set_query(None);
        let address = address(number).to_string();
        let headers = [("cookie", browser.as_str()), ("x-forwarded-for", address.as_str())];
        let form =
            [("csrf", csrf.as_str()), ("request", &waiting), ("username", person.as_str()), ("password", PASSWORD)];
        connection.ask(&request::form(&login, &headers, &form)).await
    }
}

fn leads_to<'a>(answer: &Answer<'a>) -> Result<&'a str> {
    answer.header("location").with_context(|| format!("{} leads nowhere", answer.status))
}

/// The value of a hidden field, whose name is written before it.
fn hidden<'a>(html: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = html.split_once(&format!("name=\"{name}\" value=\""))?;
    after.split_once('"').map(|(value, _)| value)
}

/// One of sixteen million: attempts to sign in are counted for each.
fn address(number: u64) -> Ipv4Addr {
    let [.., high, middle, low] = number.to_be_bytes();
    Ipv4Addr::new(10, high, middle, low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_field_is_found_by_its_name() {
        let html = r#"<input type="hidden" name="request" value="x"><input type="hidden" name="csrf" value="y">"#;
        assert_eq!((hidden(html, "csrf"), hidden(html, "other")), (Some("y"), None));
    }

    #[test]
    fn everybody_comes_from_an_address_of_their_own() {
        assert_eq!(address(0x01_0203).to_string(), "10.1.2.3");
        assert_ne!(address(1), address(256));
    }
}
