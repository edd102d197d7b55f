//! Problem documents: errors that programs and people can read (RFC 9457).

use serde::{Deserialize, Serialize};

/// The media type of a problem document (RFC 9457 section 6.1).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A problem document (RFC 9457 section 3). With the feature `actix` it is a response, and an error of handlers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem it is, as a URI. `about:blank`: nothing beyond what the status says (section 4.2.1).
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    /// One sentence on this occurrence. Public: no internal cause, no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Which occurrence this is: the request's id or path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// A stable name for programs, such as an OAuth error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

fn about_blank() -> String {
    "about:blank".to_owned()
}

impl Problem {
    /// A problem that its status says all about. The title should be the status's own (RFC 9457 section 4.2.1).
    #[must_use]
    pub fn new(status: u16, title: &str) -> Self {
        Self { kind: about_blank(), title: title.to_owned(), status, detail: None, instance: None, error: None }
    }

    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    #[must_use]
    pub fn with_instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    #[must_use]
    pub fn with_error(mut self, error: impl Into<String>) -> Self {
        self.error = Some(error.into());
        self
    }

    #[must_use]
    pub fn with_kind(mut self, uri: impl Into<String>) -> Self {
        self.kind = uri.into();
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, self.title)?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

impl std::error::Error for Problem {}

#[cfg(feature = "actix")]
mod response {
    use actix_web::body::BoxBody;
    use actix_web::http::StatusCode;
    use actix_web::http::header::CACHE_CONTROL;
    use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder, ResponseError};

    use super::{PROBLEM_JSON, Problem};

    impl Problem {
        /// The response as it is being built, for whoever adds headers to it.
        #[must_use]
        pub(crate) fn builder(&self) -> HttpResponseBuilder {
            let mut response = HttpResponse::build(self.status_code());
            response.insert_header((CACHE_CONTROL, "no-store")).content_type(PROBLEM_JSON);
            response
        }

        pub(crate) fn body(&self) -> String {
            serde_json::to_string(self).unwrap_or_default()
        }
    }

    impl ResponseError for Problem {
        fn status_code(&self) -> StatusCode {
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        }

        fn error_response(&self) -> HttpResponse<BoxBody> {
            self.builder().body(self.body())
        }
    }

    impl Responder for Problem {
        type Body = BoxBody;

        fn respond_to(self, _: &HttpRequest) -> HttpResponse<BoxBody> {
            self.error_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_written_as_rfc_9457_names_it() {
        let problem = Problem::new(403, "Forbidden").with_detail("write:receipts is needed").with_instance("req-1");
        let expected = r#"{"type":"about:blank","title":"Forbidden","status":403,"detail":"write:receipts is needed","instance":"req-1"}"#;
        assert_eq!(serde_json::to_string(&problem).unwrap(), expected);
        assert_eq!(problem.to_string(), "403 Forbidden: write:receipts is needed");
    }

    #[test]
    fn another_servers_problem_reads_without_what_it_leaves_out() {
        let problem: Problem = serde_json::from_str(r#"{"title":"Gone","status":410,"balance":30}"#).unwrap();
        assert_eq!(problem, Problem::new(410, "Gone"));
    }

    #[cfg(feature = "actix")]
    #[actix_web::test]
    async fn a_problem_answers_with_its_status_and_is_not_stored() {
        use actix_web::ResponseError as _;
        let response = Problem::new(502, "Bad Gateway").error_response();
        assert_eq!(response.status(), 502);
        assert_eq!(response.headers().get("content-type").unwrap(), PROBLEM_JSON);
        assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
    }
}
