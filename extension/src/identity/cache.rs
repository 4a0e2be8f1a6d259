//! Claims parsed once per value of the setting.
//!
//! The key is the setting's exact bytes, compared on every read: a transaction-local setting changes
//! back at a savepoint's rollback, so "once per transaction" would answer for the wrong user.

use std::cell::{Cell, RefCell};

use insforge_protocol::claims::{Claims, Unusable};
use pgrx::warning;

use super::setting::with_setting;

const SETTING: &std::ffi::CStr = c"request.jwt.claims";

#[derive(Default)]
struct Entry {
    bytes: Vec<u8>,
    claims: Option<Claims>,
}

thread_local! {
    static CACHE: RefCell<Entry> = RefCell::default();
    static WARNED: Cell<bool> = const { Cell::new(false) };
}

/// Gives `read` the caller's claims; `None` where there are none that can be used.
pub(super) fn with_claims<R>(read: impl FnOnce(&Claims) -> Option<R>) -> Option<R> {
    CACHE.with_borrow_mut(|entry| {
        let malformed = with_setting(SETTING, |bytes| refresh(entry, bytes))?;
        if malformed {
            warn_once();
        }
        entry.claims.as_ref().and_then(read)
    })
}

/// Parses the setting if it changed; returns whether it is new and not JSON.
fn refresh(entry: &mut Entry, bytes: &[u8]) -> bool {
    if entry.bytes == bytes {
        return false;
    }
    let parsed = Claims::parse(bytes);
    entry.bytes.clear();
    entry.bytes.extend_from_slice(bytes);
    let malformed = matches!(parsed, Err(Unusable::NotJson));
    entry.claims = parsed.ok();
    malformed
}

/// One warning per backend: a broken gateway would otherwise flood the log.
fn warn_once() {
    if !WARNED.replace(true) {
        warning!("request.jwt.claims is not JSON: this session has no identity");
    }
}
