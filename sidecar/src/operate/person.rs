//! Who types.

use std::os::unix::fs::MetadataExt;

/// The name that goes into the audit trail: the account this process runs as, and who became it by sudo. The
/// account comes from the system, not from a variable that anybody can set.
pub fn name() -> String {
    let account = account().unwrap_or_else(|| "unknown".to_owned());
    match std::env::var("SUDO_USER")
        .ok()
        .filter(|user| !user.is_empty() && *user != account)
    {
        Some(user) => format!("{account} (sudo by {user})"),
        None => account,
    }
}

fn account() -> Option<String> {
    let uid = match std::fs::metadata("/proc/self") {
        Ok(own) => own.uid(),
        // Without /proc, a file of our own tells; there is none to be had, so the variable must do.
        Err(_) => return std::env::var("USER").ok(),
    };
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    Some(find(&known, uid).unwrap_or_else(|| format!("uid {uid}")))
}

fn find(passwd: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_number() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nodd\nada:x:1001:1001::/home/ada:/bin/sh\n";
        assert_eq!(find(passwd, 1001).as_deref(), Some("ada"));
        assert_eq!(find(passwd, 1002), None);
        assert!(!name().is_empty());
    }
}
