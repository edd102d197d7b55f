//! People: passwords, signing in, sessions, and what a token may tell about them.
