//! People of the benchmark's own, who sign in as everybody does. The hash of their password is the cheapest that argon2id has, some
//! microseconds instead of twenty milliseconds: what is measured is all the rest of a sign-in.

use crate::stack::Configuration;

/// Everybody's.
pub const PASSWORD: &str = "a-password-of-the-benchmark";

/// Of it, by 8 KiB of memory and one pass.
pub const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$0MX8RgAGj+oXBuXg65bb3oI09Ww5z2TVqTz3m85xUvM";

/// The names of so many.
pub fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("person-{number}")).collect()
}

/// Adds them to the users of the configuration, with the permission that exchanges for API B need.
pub fn add(world: &mut Configuration, names: &[String]) {
    for name in names {
        let user = format!(
            "username = '{name}'\npassword_hash = '{PASSWORD_HASH}'\n\
             permissions = {{ 'https://api-b.example' = ['read:receipts'] }}\n\
             profile = {{ name = '{name}', email = '{name}@people.example', email_verified = true }}"
        );
        // What is written here parses: a server that lacked somebody would not let them in.
        let _ = world.add("users", &user);
    }
}
