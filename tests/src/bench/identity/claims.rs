/// The caller. A UUID, so that `auth.uid()` can take part: it raises an error for the ids of most providers.
pub(super) const USER: &str = "7b3e9c52-6f0d-4b9e-8a55-0c1d2e3f4a5b";

/// What a gateway puts into `request.jwt.claims`.
#[derive(Debug, Clone)]
pub(super) struct Claims {
    pub(super) name: &'static str,
    pub(super) text: String,
    /// How many times faster than the guide's function ours must be, unwrapped.
    pub(super) least_gain: Option<f64>,
}

impl Claims {
    /// The three lengths: the least there can be, a usual token, and one with 150 permissions.
    pub(super) fn all() -> [Claims; 3] {
        [
            Claims {
                name: "60 B",
                text: small(),
                least_gain: Some(10.0),
            },
            Claims {
                name: "400 B",
                text: usual(),
                least_gain: None,
            },
            Claims {
                name: "1.7 kB",
                text: large(),
                least_gain: Some(80.0),
            },
        ]
    }
}

fn small() -> String {
    format!(r#"{{"sub":"{USER}","role":"user"}}"#)
}

fn usual() -> String {
    format!(
        r#"{{"aud":"insforge-api","email":"ada.lovelace@analytical-engine.example","exp":1800003600,"iat":1800000000,"iss":"https://clerk.analytical-engine.example","jti":"5f0f1c2e9d3b4a6788c0","nbf":1799999990,"azp":"https://app.analytical-engine.example","org_id":"org_2ab8XyZq91LmN","org_role":"org:admin","org_slug":"analytical-engine","role":"authenticated","sid":"sess_2xQ0pGk1VtYc8","sub":"{USER}"}}"#
    )
}

fn large() -> String {
    let permissions: Vec<String> = (0..150).map(|n| format!(r#""perm:{n:03}""#)).collect();
    format!(
        r#"{{"aud":"insforge-api","exp":1800003600,"iat":1800000000,"permissions":[{}],"role":"authenticated","sub":"{USER}"}}"#,
        permissions.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_as_long_as_they_are_called() {
        let lengths = Claims::all().map(|claims| claims.text.len());
        assert!((55..=70).contains(&lengths[0]), "{lengths:?}");
        assert!((380..=470).contains(&lengths[1]), "{lengths:?}");
        assert!((1_650..=1_850).contains(&lengths[2]), "{lengths:?}");
    }
}
