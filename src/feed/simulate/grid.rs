//! The grid of prices: the tick sizes of US stocks, by rule 612 of Regulation NMS.

use crate::market::UNITS_PER_ONE;

/// From one dollar on prices are whole cents.
const CENT: i64 = UNITS_PER_ONE / 100;

/// Below one dollar they are whole hundredths of a cent.
const SUB_CENT: i64 = UNITS_PER_ONE / 10_000;

/// The lowest price on the grid, in units of 1e-9.
pub(super) const LOWEST: i64 = SUB_CENT;

/// The distance of the grid's next price above.
pub(super) const fn tick(price: i64) -> i64 {
    if price < UNITS_PER_ONE { SUB_CENT } else { CENT }
}

/// The highest price on the grid that isn't above.
pub(super) fn floor(price: i64) -> i64 {
    (price - price.rem_euclid(tick(price))).max(LOWEST)
}

/// The lowest price on the grid that isn't below.
pub(super) fn ceil(price: i64) -> i64 {
    let floor = floor(price);
    if floor >= price { floor } else { floor + tick(floor) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prices_are_cents_from_a_dollar_on_and_hundredths_of_one_below() {
        assert_eq!((floor(1_239_999_999), ceil(1_230_000_001)), (1_230_000_000, 1_240_000_000));
        assert_eq!((floor(999_999_999), ceil(999_900_001)), (999_900_000, 1_000_000_000));
        assert_eq!((floor(-5), ceil(0)), (LOWEST, LOWEST));
    }

    proptest! {
        #[test]
        fn a_price_lies_between_its_neighbours_on_the_grid(price in LOWEST..10_000 * UNITS_PER_ONE) {
            let (floor, ceil) = (floor(price), ceil(price));
            prop_assert!(floor <= price && price <= ceil);
            prop_assert!(ceil - floor <= tick(floor));
            prop_assert_eq!(floor % tick(floor), 0);
            prop_assert_eq!(ceil % tick(ceil), 0);
        }
    }
}
