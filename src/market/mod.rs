//! The market: what a tick is and what a symbol's ticks add up to.
//!
//! This room is pure: it knows no socket, no clock, no runtime and no metric.

mod fixed;
mod instrument;
mod symbol;
mod tick;

pub use fixed::{NumberError, Price, Size, UNITS_PER_ONE, Volume};
pub use instrument::{DayBoundary, DayFold, Instrument, Level, State};
pub use symbol::{SYMBOL_LENGTH_MAX, Symbol, SymbolError, SymbolRef};
pub use tick::{Side, TIME_US_MAX, Tick, Trade};
