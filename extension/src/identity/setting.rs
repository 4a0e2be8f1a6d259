//! Finding `request.jwt.claims` among Postgres' settings, at the price of a few nanoseconds: a policy
//! may ask for every row.
#![allow(unsafe_code, reason = "Postgres hands settings out as C structures")]

use std::ffi::{CStr, c_char};

use pgrx::pg_sys;

const NAME: &CStr = c"request.jwt.claims";

// pgrx wraps every call into Postgres in a sigsetjmp, which costs more than these functions do. None
// of them can raise an error as they are called here.
#[cfg(feature = "pg15")]
unsafe extern "C" {
    fn get_guc_variables() -> *mut *mut pg_sys::config_generic;
    fn GetNumConfigOptions() -> std::ffi::c_int;
}
#[cfg(not(feature = "pg15"))]
unsafe extern "C" {
    fn GetConfigOption(name: *const c_char, missing_ok: bool, restrict_privileged: bool) -> *const c_char;
}

/// The setting's value as Postgres holds it, or null where it was never set. Valid until a setting
/// changes.
#[cfg(not(feature = "pg15"))]
pub(super) fn claims_setting() -> *const c_char {
    // SAFETY: the name is NUL-terminated; `missing_ok` makes an unknown name null instead of an error,
    // and no privilege is checked. Since 16 this is one look into a hash table.
    unsafe { GetConfigOption(NAME.as_ptr(), true, false) }
}

/// As above. Up to 15 Postgres searches a sorted array by a slow comparison, so we remember where the
/// setting was and look there first; the name found there decides, never the memory of it.
#[cfg(feature = "pg15")]
pub(super) fn claims_setting() -> *const c_char {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    static PLACE: AtomicUsize = AtomicUsize::new(0);

    // SAFETY: both only read Postgres' variables; the array has as many entries as the count says.
    let settings = unsafe {
        let count = usize::try_from(GetNumConfigOptions()).unwrap_or(0);
        std::slice::from_raw_parts(get_guc_variables(), count)
    };
    let remembered = PLACE.load(Relaxed);
    if let Some(&setting) = settings.get(remembered)
        && is_claims(setting)
    {
        return value_of(setting);
    }
    match settings.iter().position(|&setting| is_claims(setting)) {
        Some(place) => {
            PLACE.store(place, Relaxed);
            value_of(settings[place])
        }
        None => std::ptr::null(),
    }
}

#[cfg(feature = "pg15")]
fn is_claims(setting: *mut pg_sys::config_generic) -> bool {
    // SAFETY: every entry of the array is a live setting, and its name is NUL-terminated.
    let name = unsafe { CStr::from_ptr((*setting).name) };
    // Nearly always spelt as we spell it, which is one look at it instead of two.
    name == NAME || name.to_bytes().eq_ignore_ascii_case(NAME.to_bytes())
}

#[cfg(feature = "pg15")]
fn value_of(setting: *mut pg_sys::config_generic) -> *const c_char {
    // SAFETY: `vartype` says which structure this is the head of; a string setting's variable points to
    // its value, null or NUL-terminated.
    unsafe {
        if (*setting).vartype != pg_sys::config_type::PGC_STRING {
            return std::ptr::null();
        }
        (*(*setting.cast::<pg_sys::config_string>()).variable).cast_const()
    }
}
