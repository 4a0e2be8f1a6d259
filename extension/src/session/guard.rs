//! What `insforge.require_login` was before the library was loaded.
//!
//! Until then Postgres keeps settings of unknown libraries as placeholders that anybody may write, and
//! only for the last one who did: a client that sends `-c insforge.require_login=off` when it connects
//! makes Postgres forget that the database says `on`. Loading refuses the client's value then, but there
//! is no other left. So the default that we define the setting with is worked out here: `on` whenever
//! somebody who could not be trusted had a hand in it. A client that leaves the setting alone never
//! notices.
//!
//! The same holds while a parallel plan runs, when Postgres does not hand placeholders on at all.
#![allow(
    unsafe_code,
    reason = "where a setting comes from is only in Postgres' C structures"
)]

use std::ffi::{CStr, c_char};

use pgrx::pg_sys::{self, GucSource};

/// The default to define a boolean setting with.
pub(super) fn inherited(name: &CStr) -> bool {
    let Some(placeholder) = placeholder(name) else {
        return false;
    };
    [placeholder.current, placeholder.reset]
        .into_iter()
        .find(|given| is_trusted(given.source))
        .is_none_or(|given| given.on)
}

#[derive(Clone, Copy)]
struct Given {
    source: GucSource::Type,
    on: bool,
}

struct Placeholder {
    current: Given,
    reset: Given,
}

/// Sources that only an administrator can write: Postgres lets nobody else store a setting that it does
/// not know. Neither the client's own wishes nor what it sets later are among them.
fn is_trusted(source: GucSource::Type) -> bool {
    matches!(
        source,
        GucSource::PGC_S_FILE
            | GucSource::PGC_S_ARGV
            | GucSource::PGC_S_GLOBAL
            | GucSource::PGC_S_DATABASE
            | GucSource::PGC_S_USER
            | GucSource::PGC_S_DATABASE_USER
    )
}

fn placeholder(name: &CStr) -> Option<Placeholder> {
    let setting = find(name);
    // SAFETY: a live setting of Postgres; a placeholder is a string setting.
    unsafe {
        if setting.is_null() || (*setting).vartype != pg_sys::config_type::PGC_STRING {
            return None;
        }
        let string = &*setting.cast::<pg_sys::config_string>();
        Some(Placeholder {
            current: Given {
                source: string.gen_.source,
                on: is_on(*string.variable),
            },
            reset: Given {
                source: string.gen_.reset_source,
                on: is_on(string.reset_val),
            },
        })
    }
}

/// What cannot be read counts as on.
///
/// SAFETY: for the caller to keep: `value` is null or NUL-terminated and stays so for the call.
unsafe fn is_on(value: *const c_char) -> bool {
    let mut on = true;
    // SAFETY: null or NUL-terminated, as every value of a string setting.
    value.is_null() || unsafe { !pg_sys::parse_bool(value, &mut on) } || on
}

#[cfg(feature = "pg15")]
fn find(name: &CStr) -> *mut pg_sys::config_generic {
    // SAFETY: the array has as many entries as the count says, each a live setting with a name.
    unsafe {
        let count = usize::try_from(pg_sys::GetNumConfigOptions()).unwrap_or(0);
        let settings = std::slice::from_raw_parts(pg_sys::get_guc_variables(), count);
        let named = |setting: &&*mut pg_sys::config_generic| {
            CStr::from_ptr((***setting).name)
                .to_bytes()
                .eq_ignore_ascii_case(name.to_bytes())
        };
        settings
            .iter()
            .find(named)
            .map_or(std::ptr::null_mut(), |setting| *setting)
    }
}

#[cfg(not(feature = "pg15"))]
fn find(name: &CStr) -> *mut pg_sys::config_generic {
    // SAFETY: the name is NUL-terminated; an unknown one gives null.
    unsafe { pg_sys::find_option(name.as_ptr(), false, true, 0) }
}
