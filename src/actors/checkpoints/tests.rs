//! The rhythm of checkpoints, with a fold and a file.
