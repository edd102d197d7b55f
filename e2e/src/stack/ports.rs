//! The addresses of the services, which agree with each other in every configuration.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result};
use url::Url;

use super::Service;

/// A port of loopback for each service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    pub auth_server: u16,
    pub api_a: u16,
    pub api_b: u16,
    pub api_c: u16,
    pub api_a2: u16,
}

impl Ports {
    /// The demo world's own.
    pub const DEMO: Self = Self { auth_server: 9000, api_a: 9001, api_b: 9002, api_c: 9003, api_a2: 9004 };

    #[must_use]
    pub fn of(&self, service: Service) -> u16 {
        match service {
            Service::AuthServer => self.auth_server,
            Service::ApiA => self.api_a,
            Service::ApiB => self.api_b,
            Service::ApiC => self.api_c,
            Service::ApiA2 => self.api_a2,
        }
    }

    #[must_use]
    pub fn address(&self, service: Service) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.of(service)).into()
    }

    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://localhost:{}", self.auth_server)
    }

    #[must_use]
    pub fn api_a(&self) -> Url {
        at(self.api_a)
    }

    #[must_use]
    pub fn api_b(&self) -> Url {
        at(self.api_b)
    }

    #[must_use]
    pub fn api_c(&self) -> Url {
        at(self.api_c)
    }

    #[must_use]
    pub fn api_a2(&self) -> Url {
        at(self.api_a2)
    }
}

#[expect(clippy::expect_used, reason = "a URL of a constant host and a number always parses")]
fn at(port: u16) -> Url {
    format!("http://localhost:{port}/").parse().expect("a URL")
}

/// Ports that are held until a service takes them over, so that nobody else gets them in between.
pub struct Reserved {
    pub ports: Ports,
    listeners: Vec<(Service, TcpListener)>,
}

impl Reserved {
    /// A free port for each.
    pub fn free() -> Result<Self> {
        Self::bind(Ports { auth_server: 0, api_a: 0, api_b: 0, api_c: 0, api_a2: 0 })
    }

    /// These ports; 0 is any free one.
    pub fn bind(mut ports: Ports) -> Result<Self> {
        let mut listeners = vec![];
        for service in Service::ALL {
            let wanted = ports.address(service);
            let listener = TcpListener::bind(wanted)
                .with_context(|| format!("port {} is taken, {} cannot listen there", wanted.port(), service.name()))?;
            let port = listener.local_addr()?.port();
            match service {
                Service::AuthServer => ports.auth_server = port,
                Service::ApiA => ports.api_a = port,
                Service::ApiB => ports.api_b = port,
                Service::ApiC => ports.api_c = port,
                Service::ApiA2 => ports.api_a2 = port,
            }
            listeners.push((service, listener));
        }
        Ok(Self { ports, listeners })
    }

    /// The listeners, in the order the services start in.
    #[must_use]
    pub fn into_listeners(self) -> Vec<(Service, TcpListener)> {
        self.listeners
    }
}
