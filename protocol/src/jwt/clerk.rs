//! Clerk's compact permissions of session tokens version 2.

use serde_json::{Map, Value};

/// Most permissions that are expanded from one token.
const MAX_PERMISSIONS: usize = 1024;

/// The prefix that version 1 puts before roles and permissions and version 2 leaves out.
pub(super) const ORG_PREFIX: &str = "org:";

/// The permissions of the active organisation, or `None` for a token without the version 2 member `o`.
///
/// `fea` lists features with their scopes (`o:dashboard,uo:teams`); those with an `o` in the scope
/// belong to the organisation. The i-th number of `o.fpm` is a bit mask over the names in `o.per` for
/// the i-th such feature, the least significant bit for the first name. What cannot be read grants
/// nothing.
pub(super) fn permissions(claims: &Map<String, Value>) -> Option<Vec<String>> {
    let org = claims.get("o")?.as_object()?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let (names, masks, features) = (
        text(org.get("per")),
        text(org.get("fpm")),
        text(claims.get("fea")),
    );
    let granted = org_features(&features)
        .zip(list(&masks))
        .flat_map(|(feature, mask)| {
            let mask: u64 = mask.parse().unwrap_or(0);
            let has_bit = move |bit: usize| u32::try_from(bit).is_ok_and(|bit| is_set(mask, bit));
            let held = list(&names)
                .enumerate()
                .filter(move |(bit, name)| has_bit(*bit) && !name.is_empty());
            held.map(move |(_, name)| format!("{feature}:{name}"))
        })
        .take(MAX_PERMISSIONS)
        .collect();
    Some(granted)
}

fn is_set(mask: u64, bit: u32) -> bool {
    mask.checked_shr(bit).is_some_and(|shifted| shifted & 1 == 1)
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

fn org_features(features: &str) -> impl Iterator<Item = &str> {
    list(features).filter_map(|entry| {
        let (scope, feature) = entry.split_once(':')?;
        scope.contains('o').then_some(feature)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(claims: Value) -> Option<Vec<String>> {
        permissions(claims.as_object().unwrap())
    }

    #[test]
    fn the_least_significant_bit_is_the_first_permission() {
        let claims = json!({"fea": "u:beta,o:dashboard,uo:teams", "o": {"per": "manage,read", "fpm": "1,2"}});
        assert_eq!(
            read(claims),
            Some(vec!["dashboard:manage".into(), "teams:read".into()])
        );
    }

    #[test]
    fn a_mask_that_cannot_be_read_grants_nothing() {
        for fpm in ["x,-1", "", "99999999999999999999999,", "4,8"] {
            let claims = json!({"fea": "o:a,o:b", "o": {"per": "manage,read", "fpm": fpm}});
            assert_eq!(read(claims), Some(vec![]), "{fpm}");
        }
        assert_eq!(read(json!({"fea": 5, "o": {"per": [], "fpm": 3}})), Some(vec![]));
        assert_eq!(read(json!({"fea": "o:a", "o": {}})), Some(vec![]));
    }

    #[test]
    fn a_token_without_an_active_organisation_has_no_compact_permissions() {
        assert_eq!(read(json!({"fea": "o:a"})), None);
        assert_eq!(read(json!({"o": "x"})), None);
    }
}
