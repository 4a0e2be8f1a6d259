//! The event trigger that sees `DROP EXTENSION` and `DROP SCHEMA` before they happen.
#![allow(
    unsafe_code,
    reason = "what is dropped is only in the statement's parse tree, which is C"
)]

use std::ffi::CStr;

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{PgList, pg_sys};

/// The statement as the trigger sees it: what kind of object, and its name.
fn dropped(fcinfo: pg_sys::FunctionCallInfo) -> Vec<(pg_sys::ObjectType::Type, String)> {
    // SAFETY: Postgres passes a valid fcinfo; `context` is checked to be an EventTriggerData before it
    // is read as one, its parse tree to be a DropStmt before it is read as one, and each name to be a
    // String node. All of them live until the statement ends.
    unsafe {
        let context = (*fcinfo).context;
        if context.is_null() || (*context).type_ != pg_sys::NodeTag::T_EventTriggerData {
            return Vec::new();
        }
        let tree = (*context.cast::<pg_sys::EventTriggerData>()).parsetree;
        if tree.is_null() || (*tree).type_ != pg_sys::NodeTag::T_DropStmt {
            return Vec::new();
        }
        let statement = tree.cast::<pg_sys::DropStmt>();
        let kind = (*statement).removeType;
        PgList::<pg_sys::Node>::from_pg((*statement).objects)
            .iter_ptr()
            .filter(|node| (**node).type_ == pg_sys::NodeTag::T_String)
            .map(|node| {
                CStr::from_ptr((*node.cast::<pg_sys::String>()).sval)
                    .to_string_lossy()
                    .into_owned()
            })
            .map(|name| (kind, name))
            .collect()
    }
}

/// Refuses to drop this extension, or the schema its ledger is in, while the ledger has rows.
#[pg_guard]
#[unsafe(no_mangle)]
pub(super) extern "C-unwind" fn x402_guard_drop(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    for (kind, name) in dropped(fcinfo) {
        let kind = match kind {
            pg_sys::ObjectType::OBJECT_EXTENSION => "extension",
            pg_sys::ObjectType::OBJECT_SCHEMA => "schema",
            _ => continue,
        };
        let args = [kind.into(), name.as_str().into()];
        match Spi::get_one_with_args::<bool>("SELECT x402._must_not_drop($1, $2)", &args) {
            Ok(Some(false)) => {}
            Ok(_) => refuse(kind, &name),
            Err(error) => error!("the ledger's drop guard failed: {error}"),
        }
    }
    pg_sys::Datum::from(0)
}

fn refuse(kind: &str, name: &str) {
    ErrorReport::new(
        PgSqlErrorCode::ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
        format!("dropping {kind} {name} would destroy the payment ledger, which has rows"),
        "x402_guard_drop",
    )
    .set_hint("Dump x402_payments and schema x402 first; then SET x402.allow_ledger_drop = 'on'.")
    .report(PgLogLevel::ERROR);
}

/// Tells Postgres which calling convention [`x402_guard_drop`] has.
#[unsafe(no_mangle)]
pub(super) extern "C" fn pg_finfo_x402_guard_drop() -> &'static pg_sys::Pg_finfo_record {
    const VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &VERSION_1
}
