//! What names a request in the log, in the ledger and to whom it is passed on (W3C Trace Context).

use std::fmt;

tokio::task_local! {
    static CURRENT: RequestIds;
}

/// The ids of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestIds {
    pub request_id: HexId,
    pub trace_id: HexId,
}

impl RequestIds {
    /// Runs `work` so that all its log lines carry these ids.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// The ids of the request that this code runs for.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|ids| *ids).ok()
    }
}

/// 128 bits, as 32 hexadecimal digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HexId([u8; 32]);

impl HexId {
    /// Unlike any other, and nothing secret.
    #[must_use]
    pub fn random() -> Self {
        let mut digits = [b'0'; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(fastrand::u128(..).to_be_bytes()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self(digits)
    }

    /// Reads one, if that is what `text` is.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: [u8; 32] = text.as_bytes().try_into().ok()?;
        digits.iter().all(|digit| DIGITS.contains(digit)).then_some(Self(digits))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        // Digits are all that there ever is.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl fmt::Display for HexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for HexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = HexId::random();
        assert_eq!(HexId::parse(&id.to_string()), Some(id));
        assert_ne!(HexId::random(), id);
    }

    #[test]
    fn what_is_no_id_is_none() {
        for text in [
            "",
            "0af7",
            "0AF7651916CD43DD8448EB211C80319C",
            "0af7651916cd43dd8448eb211c80319c0",
            "\u{e4}".repeat(16).as_str(),
        ] {
            assert_eq!(HexId::parse(text), None, "{text}");
        }
    }
}
