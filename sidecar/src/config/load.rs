use std::path::Path;

use super::fault::{Fault, Faults};
use super::raw::{Raw, Source};
use super::settings::Settings;
use super::table::{JWT_SECRET, JWT_SECRET_FILE, OPTIONS};

/// Reads the file (if one is named) and the process environment.
///
/// # Errors
/// A file that cannot be read, TOML that cannot be parsed, keys that name no option.
pub fn read(file: Option<&Path>) -> Result<Raw, Faults> {
    let text = file.map(|path| (path, std::fs::read_to_string(path)));
    let text = match text {
        None => None,
        Some((_, Ok(text))) => Some(text),
        Some((path, Err(error))) => {
            return Err(Faults(vec![Fault {
                setting: format!("--config {}", path.display()),
                fault: error.to_string(),
                remedy: "name a TOML file that this user can read".to_owned(),
            }]));
        }
    };
    // Not `vars()`: that one panics when any variable of the process, however foreign, is not UTF-8.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut raw = Raw::gather(text.as_deref(), environment).map_err(Faults)?;
    read_secret_file(&mut raw)?;
    if let Some(path) = file.filter(|path| is_open_to_others(path) && holds_secret(&raw)) {
        raw.warnings.push(format!(
            "{} holds secrets and others can read it; chmod 600 it",
            path.display()
        ));
    }
    Ok(raw)
}

/// What was given and what it means.
///
/// # Errors
/// Every fault there is.
pub fn load(file: Option<&Path>) -> Result<(Raw, Settings), Faults> {
    let raw = read(file)?;
    let mut settings = Settings::from_raw(&raw)?;
    if settings.settler.worker.is_empty() {
        settings.settler.worker = default_worker();
    }
    Ok((raw, settings))
}

/// Takes the JWT secret from the file that is named for it. Both at once would leave open which counts.
fn read_secret_file(raw: &mut Raw) -> Result<(), Faults> {
    let Some(path) = raw.get(&JWT_SECRET_FILE).map(|given| given.value) else {
        return Ok(());
    };
    let fault = |fault: String, remedy: &str| {
        Err(Faults(vec![Fault {
            setting: JWT_SECRET_FILE.name(),
            fault,
            remedy: remedy.to_owned(),
        }]))
    };
    if raw.get(&JWT_SECRET).is_some() {
        return fault(
            format!("is set as well as {}", JWT_SECRET.name()),
            "set one of them",
        );
    }
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            if is_open_to_others(Path::new(&path)) {
                raw.warnings.push(format!(
                    "{path} holds the JWT secret and others can read it; chmod 600 it"
                ));
            }
            raw.give_secret(&JWT_SECRET, text.trim().to_owned());
            Ok(())
        }
        Err(error) => fault(error.to_string(), "name a file that this user can read"),
    }
}

fn default_worker() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .map_or_else(|| "sidecar".to_owned(), |name| name.trim().to_owned());
    format!("{host}-{}", std::process::id())
}

fn holds_secret(raw: &Raw) -> bool {
    OPTIONS
        .iter()
        .filter(|opt| opt.secret)
        .any(|opt| raw.get(opt).is_some_and(|given| given.source == Source::File))
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}
