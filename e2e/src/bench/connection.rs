//! One connection, kept open: HTTP/1.1 (RFC 9112) and no more of it than the servers here speak.
//!
//! Whoever makes the load shares the cores with the server: what it saves, the server has. And a connection of a load is
//! really one, whatever a client's pool would make of it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came back.
pub struct Answer<'a> {
    pub status: u16,
    head: &'a str,
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// A header's value; the first, where there are several.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        headers(self.head, name).next()
    }

    /// What it sets, as a browser sends it back (RFC 6265 section 4.2).
    pub fn cookies(&self) -> String {
        let set = headers(self.head, "set-cookie").filter_map(|cookie| cookie.split(';').next());
        set.collect::<Vec<_>>().join("; ")
    }
}

impl Connection {
    pub async fn to(address: SocketAddr) -> Result<Self> {
        let stream = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request and reads the answer to its end.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        let (head, end) = tokio::time::timeout(PATIENCE, self.exchange(request)).await.context("no answer")??;
        let text = std::str::from_utf8(&self.buffer[..head])?;
        let status = text.get(9..12).and_then(|status| status.parse().ok()).context("no status")?;
        Ok(Answer { status, head: text, body: &self.buffer[head..end] })
    }

    /// Where the head of the answer ends, and where its body does.
    async fn exchange(&mut self, request: &[u8]) -> Result<(usize, usize)> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let mut known = None;
        loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
            if known.is_none() {
                known = ends(&self.buffer)?;
            }
            if let Some((head, end)) = known.filter(|(_, end)| self.buffer.len() >= *end) {
                return Ok((head, end));
            }
        }
    }
}

/// None: there is more of the head to come.
fn ends(buffer: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(head) = buffer.windows(4).position(|four| four == b"\r\n\r\n").map(|place| place + 4) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&buffer[..head])?;
    let length = match headers(text, "content-length").next() {
        Some(length) => length.parse()?,
        None if text[9..].starts_with("204") || text[9..].starts_with("304") => 0,
        None => bail!("an answer without its length: {text}"),
    };
    Ok(Some((head, head + length)))
}

/// The values of a header, each on a line of its own.
fn headers<'a>(head: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn cookies_are_sent_back_by_name_and_value() {
        let head = "HTTP/1.1 303 See Other\r\nset-cookie: browser=x; HttpOnly; Path=/\r\nSet-Cookie: session=y\r\n\r\n";
        assert_eq!(Answer { status: 303, head, body: b"" }.cookies(), "browser=x; session=y");
    }

    #[tokio::test]
    async fn an_answer_in_pieces_is_read_to_its_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1];
            stream.read_exact(&mut asked).await.unwrap();
            for piece in ["HTTP/1.1 303 See Other\r\nLocation: /x\r\nConte", "nt-Length: 3\r\n\r\na", "bc"] {
                stream.write_all(piece.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let mut connection = Connection::to(address).await.unwrap();
        let answer = connection.ask(b"x").await.unwrap();
        assert_eq!((answer.status, answer.header("location"), answer.body), (303, Some("/x"), &b"abc"[..]));
    }
}
