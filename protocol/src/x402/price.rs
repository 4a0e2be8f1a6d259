//! Prices as people write them, into a token's smallest unit. Digits are moved, never multiplied as floats.

use alloy_primitives::U256;

use super::offer::OfferError;
use crate::evm;

/// What a resource costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Price {
    /// A whole number of the token's smallest units, as decimal text.
    Atomic(String),
    /// An amount of tokens, as decimal text: `0.01`.
    Tokens(String),
}

impl Price {
    /// The price in the smallest unit of a token with so many decimals (`None`: nobody said how many).
    ///
    /// Errors: [`OfferError::PriceForm`], [`OfferError::PriceTooFine`], [`OfferError::PriceTooLarge`],
    /// [`OfferError::PriceZero`], [`OfferError::UnknownDecimals`].
    pub fn in_units(&self, decimals: Option<u8>) -> Result<U256, OfferError> {
        let units = match self {
            Self::Atomic(text) => atomic(text)?,
            Self::Tokens(text) => tokens(text, decimals.ok_or(OfferError::UnknownDecimals)?)?,
        };
        if units.is_zero() {
            Err(OfferError::PriceZero)
        } else {
            Ok(units)
        }
    }
}

fn atomic(text: &str) -> Result<U256, OfferError> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match evm::uint256(text) {
        Some(units) => Ok(units),
        None if digits && !text.starts_with('0') => Err(OfferError::PriceTooLarge),
        None => Err(OfferError::PriceForm),
    }
}

/// Zeros that say nothing, at either end, are dropped; a digit below the smallest unit is an error and not
/// rounded.
fn tokens(text: &str, decimals: u8) -> Result<U256, OfferError> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return Err(OfferError::PriceForm),
        Some(parts) => parts,
        None => (text, ""),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err(OfferError::PriceForm);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > usize::from(decimals) {
        return Err(OfferError::PriceTooFine { decimals });
    }
    let units = format!("{whole}{fraction:0<width$}", width = usize::from(decimals));
    let units = units.trim_start_matches('0');
    evm::uint256(if units.is_empty() { "0" } else { units }).ok_or(OfferError::PriceTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(tokens: &str, decimals: u8) -> Result<u64, OfferError> {
        Price::Tokens(tokens.into())
            .in_units(Some(decimals))
            .map(|units| units.to::<u64>())
    }

    #[test]
    fn a_price_in_tokens_is_moved_by_the_decimals_and_never_rounded() {
        assert_eq!(units("0.01", 6), Ok(10_000));
        assert_eq!(units("0.000001", 6), Ok(1));
        assert_eq!(units("007.50", 6), Ok(7_500_000));
        assert_eq!(units("1.2300000000", 2), Ok(123));
        assert_eq!(units("3", 0), Ok(3));
        assert_eq!(
            units("0.0000001", 6),
            Err(OfferError::PriceTooFine { decimals: 6 })
        );
        assert_eq!(
            Price::Tokens("0.1".into()).in_units(None),
            Err(OfferError::UnknownDecimals)
        );
    }

    #[test]
    fn a_price_is_written_in_digits_and_one_point() {
        for text in [
            "", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "$1", " 1", "1.2.3", "NaN", "٣",
        ] {
            assert_eq!(units(text, 6), Err(OfferError::PriceForm), "{text:?}");
            assert!(Price::Atomic(text.into()).in_units(Some(6)).is_err(), "{text:?}");
        }
        assert_eq!(
            Price::Atomic("1.0".into()).in_units(None),
            Err(OfferError::PriceForm)
        );
    }

    #[test]
    fn nothing_is_sold_for_nothing_or_for_more_than_a_token_can_hold() {
        for zero in ["0", "0.0", "000"] {
            assert_eq!(units(zero, 6), Err(OfferError::PriceZero), "{zero}");
        }
        let max = U256::MAX.to_string();
        assert_eq!(Price::Atomic(max.clone()).in_units(None), Ok(U256::MAX));
        assert_eq!(Price::Tokens(max.clone()).in_units(Some(0)), Ok(U256::MAX));
        for price in [
            Price::Tokens(max.clone()),
            Price::Tokens(format!("{max}0")),
            Price::Atomic(format!("{max}0")),
        ] {
            assert_eq!(
                price.in_units(Some(6)),
                Err(OfferError::PriceTooLarge),
                "{price:?}"
            );
        }
    }
}
