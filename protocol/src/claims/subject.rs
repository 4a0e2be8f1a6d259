/// Longest user id that is taken, in bytes. OpenID Connect allows 255 characters; anything near a
/// btree's 2.7 kB limit would make inserts fail.
pub const MAX_SUBJECT_BYTES: usize = 1024;

/// Returns `sub` unchanged if it may identify a user: not blank, no NUL, not longer than
/// [`MAX_SUBJECT_BYTES`].
pub fn usable_subject(sub: &str) -> Option<&str> {
    let usable = !sub.trim().is_empty() && sub.len() <= MAX_SUBJECT_BYTES && !sub.contains('\0');
    usable.then_some(sub)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_kept_byte_for_byte_or_refused() {
        assert_eq!(usable_subject("auth0|64a "), Some("auth0|64a "));
        assert_eq!(usable_subject(&"x".repeat(1024)).map(str::len), Some(1024));
        for bad in ["", "  ", "\u{2003}", "a\0b", &"x".repeat(1025)] {
            assert_eq!(usable_subject(bad), None, "{bad:?}");
        }
    }
}
