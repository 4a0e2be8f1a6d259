use alloy_primitives::{B256, keccak256};

/// Chance that a seed decides. Each draw is named and numbered, so that no draw depends on how many others were made
/// before it, and no release of a library changes what a seed means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance {
    pub(super) seed: u64,
}

impl Chance {
    /// 32 bytes for the draw of this name and number.
    pub(super) fn bytes(self, name: &str, number: usize) -> B256 {
        let mut input = self.seed.to_be_bytes().to_vec();
        input.extend_from_slice(&(number as u64).to_be_bytes());
        input.extend_from_slice(name.as_bytes());
        keccak256(input)
    }

    /// A number from 0 up to and not including `limit`. The tiny bias of the remainder does not matter here.
    pub(super) fn below(self, name: &str, number: usize, limit: u64) -> u64 {
        let bytes = self.bytes(name, number);
        let head = bytes
            .iter()
            .take(8)
            .fold(0, |head, byte| head << 8 | u64::from(*byte));
        head % limit.max(1)
    }

    /// A number from `least` to `most`, both included.
    pub(super) fn between(self, name: &str, number: usize, least: u64, most: u64) -> u64 {
        least + self.below(name, number, most - least + 1)
    }

    /// Puts things into a random order.
    pub(super) fn shuffle<T>(self, name: &str, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            let other = self.below(name, last, last as u64 + 1);
            things.swap(last, usize::try_from(other).unwrap_or(last));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_on_every_machine_and_with_every_release() {
        let chance = Chance { seed: 7 };
        let drawn: Vec<u64> = (0..5).map(|n| chance.below("example", n, 1_000)).collect();
        assert_eq!(drawn, [315, 264, 682, 370, 984]);
    }

    #[test]
    fn draws_differ_by_seed_name_and_number() {
        let draw = |seed, name, number| Chance { seed }.bytes(name, number);
        assert_ne!(draw(1, "a", 0), draw(2, "a", 0));
        assert_ne!(draw(1, "a", 0), draw(1, "b", 0));
        assert_ne!(draw(1, "a", 0), draw(1, "a", 1));
    }

    #[test]
    fn a_shuffle_keeps_everything_and_moves_most_of_it() {
        let mut things: Vec<usize> = (0..100).collect();
        Chance { seed: 3 }.shuffle("order", &mut things);
        let moved = things
            .iter()
            .enumerate()
            .filter(|(at, thing)| at != *thing)
            .count();
        assert!(moved > 80, "{things:?}");
        things.sort_unstable();
        assert_eq!(things, (0..100).collect::<Vec<_>>());
    }
}
