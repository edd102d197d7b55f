//! What is counted, by name. Where a signature is part of a piece, it can be run alone too, to be taken off: its
//! instructions are the cryptographic library's, and so many that a change of our own would not show beside them.

use std::hint::black_box;

use auth_server::registry::SigningAlgorithm;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::Algorithm;

use crate::hop::Hop;
use crate::issued::Issued;
use crate::making::Making;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Whole,
    Signature,
}

impl Part {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Signature => "signature",
        }
    }

    pub fn named(name: &str) -> Self {
        if name == Self::Signature.name() { Self::Signature } else { Self::Whole }
    }
}

/// Enough to spread what a hash table or the allocator does only now and then.
const TIMES: u64 = 200;

/// The same where signatures are blinded by random numbers, which take now more and now less.
const TIMES_BLINDED: u64 = 1000;

/// Runs a part so many times, on the input.
type Run = Box<dyn Fn(Part, u64, &str)>;

pub struct Piece {
    pub name: &'static str,
    pub is_signed: bool,
    /// How many calls the count is the average of.
    pub times: u64,
    /// Made once and handed to every run: a verification's instructions depend on key and signature, and are only taken off
    /// exactly if they are the same ones.
    pub input: Box<dyn Fn() -> String>,
    pub run: Run,
}

pub fn pieces() -> Vec<Piece> {
    vec![
        validation("validation ES256", Algorithm::ES256),
        validation("validation EdDSA", Algorithm::EdDSA),
        validation("validation RS256", Algorithm::RS256),
        repeated_validation("validation, repeated", Algorithm::ES256),
        recognition("own token, recognised", SigningAlgorithm::ES256),
        decision("decision, first hop", 1),
        decision("decision, last hop", 4),
        access_token("access token ES256", SigningAlgorithm::ES256),
        access_token("access token EdDSA", SigningAlgorithm::EdDSA),
        Piece { times: TIMES_BLINDED, ..access_token("access token RS256", SigningAlgorithm::RS256) },
        id_token("ID token EdDSA", SigningAlgorithm::EdDSA),
    ]
}

fn validation(name: &'static str, algorithm: Algorithm) -> Piece {
    let run = |part, times, input: &str| {
        let issued: Issued = serde_json::from_str(input).unwrap();
        match part {
            Part::Whole => repeat(times, issued.validation()),
            Part::Signature => repeat(times, issued.bare_verification()),
        }
    };
    let input = move || serde_json::to_string(&Issued::new(algorithm)).unwrap();
    Piece { name, is_signed: true, times: TIMES, input: Box::new(input), run: Box::new(run) }
}

fn decision(name: &'static str, number: usize) -> Piece {
    let run = move |_, times, _: &str| {
        let hop = Hop::new(number);
        repeat(times, || hop.decide().unwrap());
    };
    Piece { name, is_signed: false, times: TIMES, input: Box::new(String::new), run: Box::new(run) }
}

fn repeated_validation(name: &'static str, algorithm: Algorithm) -> Piece {
    let run = |_, times, input: &str| {
        let issued: Issued = serde_json::from_str(input).unwrap();
        repeat(times, issued.repeated_validation());
    };
    let input = move || serde_json::to_string(&Issued::new(algorithm)).unwrap();
    Piece { name, is_signed: false, times: TIMES, input: Box::new(input), run: Box::new(run) }
}

fn recognition(name: &'static str, algorithm: SigningAlgorithm) -> Piece {
    let run = move |_, times, input: &str| {
        let making = making(algorithm, input);
        repeat(times, making.recognition());
    };
    Piece { name, is_signed: false, times: TIMES, input: key(algorithm), run: Box::new(run) }
}

fn access_token(name: &'static str, algorithm: SigningAlgorithm) -> Piece {
    let run = move |part, times, input: &str| {
        let making = making(algorithm, input);
        match part {
            Part::Whole => repeat(times, || making.access_token()),
            Part::Signature => repeat(times, making.bare_signature(&making.access_token().text)),
        }
    };
    Piece { name, is_signed: true, times: TIMES, input: key(algorithm), run: Box::new(run) }
}

fn id_token(name: &'static str, algorithm: SigningAlgorithm) -> Piece {
    let run = move |part, times, input: &str| {
        let making = making(algorithm, input);
        let access_token = making.access_token().text;
        match part {
            Part::Whole => repeat(times, || making.id_token(&access_token)),
            Part::Signature => repeat(times, making.bare_signature(&making.id_token(&access_token))),
        }
    };
    Piece { name, is_signed: true, times: TIMES, input: key(algorithm), run: Box::new(run) }
}

/// Makes a private key, as text.
fn key(algorithm: SigningAlgorithm) -> Box<dyn Fn() -> String> {
    Box::new(move || STANDARD.encode(Making::new_key(algorithm)))
}

fn making(algorithm: SigningAlgorithm, key: &str) -> Making {
    Making::by(algorithm, &STANDARD.decode(key).unwrap())
}

/// The first call is not counted: it makes what is made once.
fn repeat<T>(times: u64, call: impl Fn() -> T) {
    black_box(call());
    counted(times, &|| drop(black_box(call())));
}

/// What callgrind counts, by this function's name.
#[inline(never)]
fn counted(times: u64, call: &dyn Fn()) {
    for _ in 0..times {
        call();
    }
}
