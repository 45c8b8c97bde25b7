//! How the lists of a session grow: it has some twenty symbols, and keeps them.

/// So many more at once: a quarter, not as many again as a vector makes room for by itself.
pub const fn room_step(length: usize) -> usize {
    if length < 16 { 4 } else { length / 4 }
}

/// Makes room for some more, where there is none.
pub(super) fn make_room<T>(all: &mut Vec<T>) {
    if all.len() == all.capacity() {
        all.reserve_exact(room_step(all.len()));
    }
}
