//! Who is at the other end. The one place that decides the client's address; headers of a peer that is not a configured
//! proxy are never believed (shared rule: nothing is built from `Host` or `Forwarded`).

use std::net::{IpAddr, Ipv6Addr};

use actix_web::HttpRequest;
use ipnet::IpNet;

/// The client's address: the peer's own, or what trusted proxies say of it (`X-Forwarded-For`, read from the right: the
/// first address that is no trusted proxy is the client's; everything left of it is the client's own claim).
#[must_use]
pub fn client_address(request: &HttpRequest, trusted_proxies: &[IpNet]) -> IpAddr {
    // Without a peer address (a Unix socket) all clients share one.
    let peer = request.peer_addr().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| canonical(peer.ip()));
    let trusted = |address: &IpAddr| trusted_proxies.iter().any(|network| network.contains(address));
    if !trusted(&peer) {
        return peer;
    }
    let headers: Vec<&str> =
        request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok()).collect();
    let forwarded = headers.iter().flat_map(|header| header.split(',')).map(|hop| hop.trim().parse::<IpAddr>());
    let mut last_known = peer;
    for hop in forwarded.collect::<Vec<_>>().into_iter().rev() {
        match hop {
            Ok(address) if trusted(&canonical(address)) => last_known = canonical(address),
            Ok(address) => return canonical(address),
            // What a trusted proxy could not have written was there before it.
            Err(_) => break,
        }
    }
    last_known
}

/// An IPv4 address that came through an IPv6 socket is the same client.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use rstest::rstest;

    #[rstest]
    #[case::nobody_is_trusted("203.0.113.9", Some("198.51.100.1"), "203.0.113.9")]
    #[case::through_the_proxy("10.0.0.1", Some("198.51.100.1"), "198.51.100.1")]
    #[case::forged_in_front("10.0.0.1", Some("1.1.1.1, 198.51.100.1"), "198.51.100.1")]
    #[case::two_proxies("10.0.0.1", Some("198.51.100.1, 10.0.0.2"), "198.51.100.1")]
    #[case::garbage("10.0.0.1", Some("unknown"), "10.0.0.1")]
    #[case::no_header("10.0.0.1", None, "10.0.0.1")]
    fn forwarding_headers_count_from_trusted_proxies_only(
        #[case] peer: &str,
        #[case] forwarded: Option<&str>,
        #[case] expected: &str,
    ) {
        let mut request = TestRequest::default().peer_addr(format!("{peer}:1000").parse().unwrap());
        if let Some(forwarded) = forwarded {
            request = request.insert_header(("x-forwarded-for", forwarded));
        }
        let address = client_address(&request.to_http_request(), &["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(address, expected.parse::<IpAddr>().unwrap());
    }
}
