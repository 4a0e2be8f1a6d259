//! The one place that touches Postgres' settings.
#![allow(unsafe_code, reason = "Postgres hands settings out as C strings")]

use std::ffi::CStr;

use pgrx::pg_sys;

/// Gives `read` the bytes of the setting, or returns `None` where it was never set.
///
/// `read` must not call Postgres: the bytes are Postgres' own and may move when a setting changes.
pub(super) fn with_setting<R>(name: &CStr, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
    // SAFETY: `name` is NUL-terminated; `missing_ok` makes an unknown name a null pointer instead of
    // an error; `restrict_privileged` is off because the claims are readable by every role.
    let value = unsafe { pg_sys::GetConfigOption(name.as_ptr(), true, false) };
    if value.is_null() {
        return None;
    }
    // SAFETY: not null, NUL-terminated by Postgres, and alive as long as `read` does not call Postgres.
    Some(read(unsafe { CStr::from_ptr(value) }.to_bytes()))
}
