//! Rows as syslog messages (RFC 5424), one each: over UDP (RFC 5426), over TCP with octet counting (RFC 6587 section 3.4.1), or
//! to the socket of this machine.

use std::io::{Error, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use time::format_description::well_known::Rfc3339;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, UnixDatagram};
use tokio::time::timeout;
use url::Url;

use super::NotDelivered;
use crate::audit::line::Line;
use crate::store::LedgerRow;

/// Facility "log audit" (13), severity "informational" (6): RFC 5424 section 6.2.1.
const PRIORITY: u8 = 13 * 8 + 6;

/// The longest name of a kind of message: RFC 5424 section 6.
const LONGEST_MSGID: usize = 32;

/// What a datagram can hold, with room for the headers around it.
const LONGEST_DATAGRAM: usize = 60_000;

/// How long handing over all rows may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub(super) struct Syslog {
    address: Address,
    host: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    Udp(String, u16),
    Tcp(String, u16),
    Unix(PathBuf),
}

impl Syslog {
    pub(super) fn new(address: &str, host: &str) -> Result<Self, String> {
        let wrong = || format!("syslog {address:?} must be udp://host:514, tcp://host:601 or unix:///dev/log");
        let url = Url::parse(address).map_err(|_| wrong())?;
        let bare = url.username().is_empty() && url.query().is_none() && url.fragment().is_none();
        let host_of = |url: &Url| url.host_str().filter(|_| matches!(url.path(), "" | "/")).map(str::to_owned);
        let address = match (url.scheme(), host_of(&url)) {
            ("udp", Some(host)) if bare => Address::Udp(host, url.port().unwrap_or(514)),
            ("tcp", Some(host)) if bare => Address::Tcp(host, url.port().unwrap_or(601)),
            ("unix", None) if bare && !url.has_host() && url.path().len() > 1 => Address::Unix(url.path().into()),
            _ => return Err(wrong()),
        };
        Ok(Self { address, host: host.to_owned() })
    }

    pub(super) async fn deliver(&self, rows: Vec<LedgerRow>) -> Result<(), NotDelivered> {
        let sent = timeout(PATIENCE, async {
            match &self.address {
                Address::Udp(host, port) => {
                    // IPv6 and IPv4: whichever the name has.
                    let to = tokio::net::lookup_host((host.trim_matches(['[', ']']), *port)).await?.next();
                    let to = to.ok_or_else(|| Error::new(ErrorKind::NotFound, "the host has no address"))?;
                    let any: std::net::IpAddr = if to.is_ipv6() { [0; 16].into() } else { [0; 4].into() };
                    let socket = UdpSocket::bind((any, 0)).await?;
                    socket.connect(to).await?;
                    for row in rows {
                        socket.send(self.datagram(row)?.as_bytes()).await?;
                    }
                    Ok(())
                }
                Address::Unix(path) => {
                    let socket = UnixDatagram::unbound()?;
                    socket.connect(path)?;
                    for row in rows {
                        socket.send(self.datagram(row)?.as_bytes()).await?;
                    }
                    Ok(())
                }
                Address::Tcp(host, port) => {
                    let stream = TcpStream::connect((host.trim_matches(['[', ']']), *port)).await?;
                    self.stream(stream, rows).await
                }
            }
        });
        Ok(sent.await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))?)
    }

    /// Syslog has no acknowledgement, and what was written may still be lost with the connection. A receiver that closes it
    /// after our end has read all of it.
    async fn stream(&self, mut stream: TcpStream, rows: Vec<LedgerRow>) -> std::io::Result<()> {
        let mut text = Vec::new();
        for row in rows {
            let message = self.message(row)?;
            text.extend_from_slice(format!("{} {message}", message.len()).as_bytes());
        }
        stream.write_all(&text).await?;
        stream.shutdown().await?;
        let mut unexpected = [0; 512];
        while stream.read(&mut unexpected).await? > 0 {}
        Ok(())
    }

    fn message(&self, row: LedgerRow) -> std::io::Result<String> {
        let at = row.at.format(&Rfc3339).map_err(Error::other)?;
        let kind: String = row.kind.replace(' ', "_").chars().take(LONGEST_MSGID).collect();
        let line = serde_json::to_string(&Line::of(row, None))?;
        Ok(format!("<{PRIORITY}>1 {at} {} auth-server - {kind} - {line}", self.host))
    }

    /// A row that no datagram can hold goes without its body: it must not stop those behind it.
    fn datagram(&self, mut row: LedgerRow) -> std::io::Result<String> {
        if row.body.len() > LONGEST_DATAGRAM / 2 {
            row.body.clear();
        }
        self.message(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use time::macros::datetime;
    use tokio::net::TcpListener;

    fn rows() -> Vec<LedgerRow> {
        let row = LedgerRow {
            chain: "chn_1".into(),
            seq: 7,
            at: datetime!(2026-01-02 03:04:05.678901 UTC),
            kind: "sign-in refused".into(),
            body: r#"{"why":"wrong_password"}"#.into(),
            hash: vec![0; 3],
            grant_id: None,
            user_id: None,
        };
        vec![row.clone(), LedgerRow { seq: 8, body: "é".repeat(40_000), ..row }]
    }

    const FIRST: &str = concat!(
        "<110>1 2026-01-02T03:04:05.678901Z auth.example auth-server - sign-in_refused - ",
        r#"{"chain":"chn_1","seq":7,"at":"2026-01-02T03:04:05.678901Z","kind":"sign-in refused","#,
        r#""body":"{\"why\":\"wrong_password\"}","hash":"AAAA"}"#
    );

    async fn deliver(address: &str) -> Result<(), NotDelivered> {
        Syslog::new(address, "auth.example").unwrap().deliver(rows()).await
    }

    #[tokio::test]
    async fn a_row_is_a_datagram_and_one_that_is_too_long_goes_without_its_body() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (udp, unix) = (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UnixDatagram::bind(&path).unwrap());
        deliver(&format!("udp://{}", udp.local_addr().unwrap())).await.unwrap();
        deliver(&format!("unix://{}", path.display())).await.unwrap();
        let mut buffer = vec![0; 65536];
        for number in 0..4 {
            let size = if number < 2 { udp.recv(&mut buffer).await } else { unix.recv(&mut buffer).await }.unwrap();
            let text = std::str::from_utf8(&buffer[..size]).unwrap();
            if number % 2 == 0 {
                assert_eq!(text, FIRST);
            } else {
                assert!(text.contains(r#""seq":8,"#) && text.contains(r#""body":"","#), "{text}");
            }
        }
    }

    #[tokio::test]
    async fn over_tcp_each_message_says_how_long_it_is_and_the_receiver_has_read_all() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let receiver = tokio::spawn(async move {
            let mut text = String::new();
            listener.accept().await.unwrap().0.read_to_string(&mut text).await.unwrap();
            text
        });
        deliver(&address).await.unwrap();
        let text = receiver.await.unwrap();
        let (size, rest) = text.split_once(' ').unwrap();
        let (first, second) = rest.split_at(size.parse().unwrap());
        assert_eq!(first, FIRST);
        let (size, second) = second.split_once(' ').unwrap();
        assert_eq!(second.len(), size.parse::<usize>().unwrap());
        assert!(second.contains("éé"));
    }

    #[tokio::test]
    async fn nobody_there_is_an_error() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        assert!(deliver(&format!("tcp://127.0.0.1:{port}")).await.is_err());
        assert!(deliver("unix:///nowhere/log").await.is_err());
    }

    #[rstest]
    #[case("udp://log.example", Ok(Address::Udp("log.example".into(), 514)))]
    #[case("tcp://[::1]:6514", Ok(Address::Tcp("[::1]".into(), 6514)))]
    #[case("unix:///dev/log", Ok(Address::Unix("/dev/log".into())))]
    #[case("unix://dev/log", Err(()))]
    #[case("tls://log.example", Err(()))]
    #[case("udp://log.example/path", Err(()))]
    #[case("log.example:514", Err(()))]
    fn an_address_is_one_of_three_kinds(#[case] text: &str, #[case] expected: Result<Address, ()>) {
        assert_eq!(Syslog::new(text, "h").map(|syslog| syslog.address).map_err(drop), expected);
    }
}
