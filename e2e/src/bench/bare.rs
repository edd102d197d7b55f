//! A server that does what cannot be saved and nothing else: it reads a request, verifies one signature, makes another and answers.
//!
//! How late its answers are at half of the most that it can do is what the machine makes of any server that shares its cores with whoever
//! asks. What an exchange is later than that is the auth server's own.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, LocalSet, spawn_blocking, spawn_local};

use super::cpu;
use super::load::{self, Length, Pressure};
use super::raw::Pair;
use super::report::Latency;
use super::work::Work;

/// About as long as the answer to an exchange.
const ANSWER_BYTES: usize = 1_200;

/// So many connections ask, as at the full load of the auth server.
const CONNECTIONS: usize = 256;

/// How late its answers are at half of the most that it does, to requests as those of `work`, each load lasting so long.
pub async fn at_half(algorithm: &str, work: &Work, time: Duration) -> Result<Latency> {
    let server = Bare::start(algorithm).await?;
    let work = work.of(server.address);
    let most = Pressure::AsFastAsItGoes { connections: CONNECTIONS };
    load::make(&work, most, Length::of_warm_up(time)).await?;
    let fastest = load::make(&work, most, Length::lasting(time)).await?;
    let half = Pressure::AtRate { per_second: fastest.per_second() / 2.0, connections: CONNECTIONS };
    load::make(&work, half, Length::of_warm_up(time)).await?;
    Ok(Latency::of(&load::make(&work, half, Length::lasting(time)).await?.latency))
}

/// It goes with this.
struct Bare {
    address: SocketAddr,
    accepting: AbortHandle,
}

impl Bare {
    /// One thread for each core, as the auth server has, which take turns with connections.
    async fn start(algorithm: &str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut threads = Vec::new();
        for _ in 0..cpu::cores() {
            let (sender, connections) = unbounded_channel();
            let pair = Pair::of(algorithm)?;
            drop(spawn_blocking(move || serve(pair, connections)));
            threads.push(sender);
        }
        let accepting = tokio::spawn(accept(listener, threads)).abort_handle();
        Ok(Self { address, accepting })
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, threads: Vec<UnboundedSender<std::net::TcpStream>>) -> Result<()> {
    for thread in threads.iter().cycle() {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        thread.send(connection.into_std()?)?;
    }
    Ok(())
}

/// Until nobody accepts any more.
fn serve(pair: Pair, mut connections: UnboundedReceiver<std::net::TcpStream>) -> Result<()> {
    let pair = Rc::new(pair);
    let answer: Rc<[u8]> =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {ANSWER_BYTES}\r\n\r\n{}", "a".repeat(ANSWER_BYTES))
            .into_bytes()
            .into();
    runtime::Builder::new_current_thread().enable_io().build()?.block_on(LocalSet::new().run_until(async {
        while let Some(connection) = connections.recv().await {
            // Whoever asked sees what went wrong.
            drop(spawn_local(converse(TcpStream::from_std(connection)?, Rc::clone(&pair), Rc::clone(&answer))));
        }
        Ok(())
    }))
}

async fn converse(mut connection: TcpStream, pair: Rc<Pair>, answer: Rc<[u8]>) -> Result<()> {
    let mut request = [0; 8 * 1024];
    // A request of the load comes in one piece.
    while connection.read(&mut request).await? > 0 {
        ensure!(pair.sign_and_verify(), "a signature failed");
        connection.write_all(&answer).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::request;

    #[tokio::test]
    async fn it_answers_and_goes_when_the_load_is_over() {
        let (nobody, url) = ((Ipv4Addr::LOCALHOST, 9).into(), "http://localhost/".parse().unwrap());
        let work = Work::repeated(nobody, [request::get(&url, &[])]);
        let latency = at_half("EdDSA", &work, Duration::from_millis(100)).await.unwrap();
        assert!(latency.p50 > 0 && latency.p50 <= latency.p99, "{latency:?}");
    }
}
