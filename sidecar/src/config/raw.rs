use std::collections::BTreeMap;
use std::fmt;

use super::fault::Fault;
use super::table::{ENV_PREFIX, GATEWAY_ROUTES, OPTIONS, Opt, TOKENS_PROVIDERS};

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Nobody gave one.
    Default,
    /// The TOML file.
    File,
    /// The environment.
    Environment,
    /// A file of its own, named by another option.
    SecretFile,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Default => "default",
            Source::File => "file",
            Source::Environment => "environment",
            Source::SecretFile => "secret file",
        })
    }
}

/// A value as it was given, and by whom. Not `Debug`: it may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Given {
    /// The text.
    pub value: String,
    /// Where it came from.
    pub source: Source,
}

/// What was given, before any of it is judged.
#[derive(Default)]
pub struct Raw {
    values: BTreeMap<&'static str, Given>,
    /// Things that are probably mistakes but stop nothing.
    pub warnings: Vec<String>,
}

impl Raw {
    /// Reads the text of a TOML file (if there is one) and the environment, which wins. An empty
    /// environment variable counts as not given, because that is how compose files pass "unset".
    ///
    /// # Errors
    /// TOML that cannot be read, and keys that name no option, each with the nearest that does.
    pub fn gather(
        file: Option<&str>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<Fault>> {
        let mut raw = Raw::default();
        let mut faults = Vec::new();
        if let Some(text) = file {
            raw.read_file(text, &mut faults);
        }
        for (name, value) in environment {
            raw.read_variable(&name, value);
        }
        if faults.is_empty() { Ok(raw) } else { Err(faults) }
    }

    /// The value of an option: the one given, else its default.
    pub fn get(&self, opt: &'static Opt) -> Option<Given> {
        let default = || {
            opt.default.map(|value| Given {
                value: value.to_owned(),
                source: Source::Default,
            })
        };
        self.values.get(opt.key).cloned().or_else(default)
    }

    fn read_file(&mut self, text: &str, faults: &mut Vec<Fault>) {
        match text.parse::<toml::Table>() {
            Ok(table) => self.read_table("", &table, faults),
            // Only the message and the line number: the line itself may hold a secret.
            Err(error) => faults.push(Fault {
                setting: "the configuration file".to_owned(),
                fault: match error.span() {
                    Some(span) => format!("line {}: {}", line_of(text, span.start), error.message()),
                    None => error.message().to_owned(),
                },
                remedy: "correct the TOML".to_owned(),
            }),
        }
    }

    fn read_table(&mut self, prefix: &str, table: &toml::Table, faults: &mut Vec<Fault>) {
        for (name, value) in table {
            let key = if prefix.is_empty() {
                name.clone()
            } else {
                format!("{prefix}.{name}")
            };
            let known = OPTIONS.iter().find(|opt| opt.key == key);
            match (known, value) {
                (None, toml::Value::Table(inner)) if is_section(&key) => self.read_table(&key, inner, faults),
                (None, _) => faults.push(unknown_key(&key)),
                (Some(opt), toml::Value::Table(inner)) if opt.key == TOKENS_PROVIDERS.key => {
                    self.give_json(opt, inner);
                }
                (Some(opt), toml::Value::Array(tables)) if opt.key == GATEWAY_ROUTES.key => {
                    self.give_json(opt, tables);
                }
                (Some(opt), value) => match plain(value) {
                    Some(value) => drop(self.values.insert(
                        opt.key,
                        Given {
                            value,
                            source: Source::File,
                        },
                    )),
                    None => faults.push(Fault {
                        setting: opt.name(),
                        fault: "is not a plain value".to_owned(),
                        remedy: format!("write a {}", opt.form),
                    }),
                },
            }
        }
    }

    /// Tables with names of the user's choosing, and lists of tables: as one value, in the form of the environment.
    fn give_json(&mut self, opt: &'static Opt, table: &impl serde::Serialize) {
        let value = serde_json::to_string(table).unwrap_or_default();
        self.values.insert(
            opt.key,
            Given {
                value,
                source: Source::File,
            },
        );
    }

    /// The content of a file that an option names, as the value of another.
    pub(super) fn give_secret(&mut self, opt: &'static Opt, value: String) {
        self.values.insert(
            opt.key,
            Given {
                value,
                source: Source::SecretFile,
            },
        );
    }

    fn read_variable(&mut self, name: &str, value: String) {
        if value.trim().is_empty() {
            return;
        }
        if let Some(opt) = OPTIONS.iter().find(|opt| opt.env == name) {
            let value = value.trim().to_owned();
            self.values.insert(
                opt.key,
                Given {
                    value,
                    source: Source::Environment,
                },
            );
        } else if name.starts_with(ENV_PREFIX) {
            // No error: Kubernetes injects variables named after a service called insforge-sidecar.
            let hint = nearest(name, OPTIONS.iter().map(|opt| opt.env));
            self.warnings.push(match hint {
                Some(near) => format!("{name} is set but names no option; did you mean {near}?"),
                None => format!("{name} is set but names no option"),
            });
        }
    }
}

fn is_section(key: &str) -> bool {
    OPTIONS.iter().any(|opt| {
        opt.key
            .strip_prefix(key)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

/// The text of a plain TOML value, written as in the environment; lists are joined by commas.
fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.trim().to_owned()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(switch) => Some(switch.to_string()),
        toml::Value::Array(list) => {
            let texts: Option<Vec<_>> = list.iter().map(|item| item.as_str()).collect();
            texts.map(|texts| texts.join(","))
        }
        toml::Value::Table(_) | toml::Value::Datetime(_) => None,
    }
}

fn unknown_key(key: &str) -> Fault {
    Fault {
        setting: key.to_owned(),
        fault: "names no option".to_owned(),
        remedy: match nearest(key, OPTIONS.iter().map(|opt| opt.key)) {
            Some(near) => format!("did you mean {near}?"),
            None => "remove it, or see `insforge-sidecar config docs`".to_owned(),
        },
    }
}

/// The candidate nearest to what was typed, unless all are far away: more than a third of the letters
/// differing is no typing mistake.
fn nearest<'a>(typed: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = candidates.map(|name| (distance(typed, name), name)).min()?;
    (near.0 <= typed.len() / 3).then_some(near.1)
}

/// Edit distance: insertions, deletions, replacements.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
