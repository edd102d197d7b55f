//! An issuer as far as an API asks it: its metadata, its keys and one status list.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::json;
use url::Url;

/// What it answers.
#[derive(Clone)]
pub struct Documents {
    /// As its tokens name it.
    pub issuer: &'static str,
    pub jwks: String,
    /// Its one status list: a Status List Token, and its address.
    pub status_list: String,
    pub status_list_uri: &'static str,
}

impl Documents {
    /// Answers until the process ends; returns where.
    pub fn serve(self) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| self.answer(stream)));
        address.parse().unwrap()
    }

    fn answer(&self, mut stream: TcpStream) {
        let (mut asked, mut byte) = (Vec::new(), [0]);
        while !asked.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
            asked.extend(byte);
        }
        let (media_type, body) = self.document(&String::from_utf8_lossy(&asked));
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n");
        stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).unwrap();
    }

    fn document(&self, asked: &str) -> (&str, String) {
        let Self { issuer, jwks, status_list, status_list_uri } = self;
        let path = asked.split(' ').nth(1).unwrap_or_default();
        match path {
            "/keys" => ("application/json", jwks.clone()),
            "/lists" => ("application/json", json!({ "status_lists": [status_list_uri] }).to_string()),
            path if status_list_uri.ends_with(path) => ("application/statuslist+jwt", status_list.clone()),
            _ => {
                let metadata = json!({
                    "issuer": issuer, "jwks_uri": format!("{issuer}/keys"), "token_endpoint": format!("{issuer}/token"),
                    "status_list_aggregation_endpoint": format!("{issuer}/lists"),
                });
                ("application/json", metadata.to_string())
            }
        }
    }
}
