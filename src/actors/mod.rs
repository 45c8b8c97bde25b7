//! The actors: who runs, on which thread, and what each waits for.
//!
//! | actor | where | waits for |
//! |---|---|---|
//! | [`ingest`] | a thread of its own | records, the stop flag |
//! | partition watcher | a thread of its own | its interval, the stop signal |
//! | checkpoint writer | a thread of its own | a captured checkpoint; the disk |
//! | [`shard`] | one task a worker thread | its inbox; half a second |
//! | [`websocket`] carrier | one task a WebSocket | room in the socket; output; the client's bytes; room for answers; the client's budget |
//! | SockJS home | one task a session that requests receive | commands; its receiver; the session; its deadlines |

pub mod checkpoints;
pub mod connection;
pub mod inbox;
pub mod ingest;
pub mod places;
pub mod shard;
pub mod sockjs;
mod tally;
pub mod websocket;
