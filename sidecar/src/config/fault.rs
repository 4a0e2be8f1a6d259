use std::fmt;

/// One thing that is wrong with the configuration, with the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The setting as the operator knows it, for example `okx.timeout (INSFORGE_SIDECAR_OKX_TIMEOUT)`.
    pub setting: String,
    /// What is wrong with it. Never contains the value of a secret.
    pub fault: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.setting, self.fault, self.remedy)
    }
}

/// Everything that is wrong with the configuration, so that one run of `config check` is enough.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct Faults(pub Vec<Fault>);

fn lines(faults: &[Fault]) -> String {
    let head = match faults.len() {
        1 => "the configuration has a fault:".to_owned(),
        n => format!("the configuration has {n} faults:"),
    };
    faults
        .iter()
        .fold(head, |text, fault| text + "\n  " + &fault.to_string())
}
