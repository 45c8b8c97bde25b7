//! tickcast streams stock prices from Kafka to browsers: one state per symbol, conflated for each
//! subscriber, as STOMP MESSAGE frames over WebSocket or SockJS.
//!
//! # The path of a tick
//!
//! ```text
//! Kafka record ─► ingest actor        a batch from librdkafka → decode → fold into the symbol's state
//!                (own thread)         one publication a changed symbol, then each shard is told once
//!                                              │  hand-over: a slot for each (shard, symbol)
//!                                              ▼
//!                shard                one a worker thread; owns its sessions and its last-value cache
//!                (actix worker)       each dirty symbol → its slot in each subscribed session's outbox → wake the writer
//!                                              │  outbox: a slot for each (subscription, symbol)
//!                                              ▼
//! client's bytes ─► session           asked for output only when the socket has taken everything before:
//!                (sans-IO)            oldest dirty slot → the symbol's *current* state → STOMP frame → one write
//! ```
//!
//! # Why this shape
//!
//! - **Conflation is the queue.** Between any two stages stands a set of dirty symbols, not a list of
//!   messages. It can't grow past the number of symbols, so nothing between Kafka and a client needs
//!   an overflow policy, and a slow stage sees fewer and newer states by itself. (Only whoever asks for every tick has
//!   rings, and they end the session when they are full.)
//! - **A publication is a whole state.** It says everything that is known about its symbol, so that
//!   putting a newer one in the place of an older loses no fact about now.
//! - **One shard a worker thread.** Waking another thread costs a system call; here that happens once
//!   a batch and shard, not once a session and tick. Inside a shard nothing is locked.
//! - **The socket pulls.** A session is asked for what is due when, and only when, every byte before is in the kernel's
//!   hands, and `TCP_NOTSENT_LOWAT` keeps the kernel from taking much. It's written at once, from a buffer that all
//!   sessions of the thread share, and much is written only if the kernel asks for it. What a client doesn't read stays
//!   in its outbox, where it is conflated. (A queue of messages in front of the socket, as `actix_ws::Session` has one,
//!   takes 4 MiB of old prices first.)
//! - **A WebSocket leaves actix.** Requests, routes and upgrades are actix's. When the answer to an upgrade is in the
//!   kernel's hands the session takes the connection over ([`transport::link`]), and actix, which finds it closed, frees
//!   what it keeps for each: so an idle session takes a third of the memory, and a write a sixth less time.
//! - **Answers pull too.** A SockJS client that can't have a WebSocket receives by requests, one after
//!   the other and maybe on different threads. Its session stays where it was opened, and each answer
//!   asks it for a chunk as a socket does; between two polls nobody asks, and only slots are kept.
//! - **A tick concerns who awaits it.** A slot that is dirty already needs no mark. Each symbol's routes tell which slots
//!   were served since the tick before, so a slot is looked at once for each message it's sent, however fast the feed is.
//! - **Rates are rests.** A slot whose subscription has a rate rests after each message, in the one timing wheel of its
//!   shard, and comes into the line no earlier than when that is over. A symbol that is quiet rests nowhere, so its first
//!   update goes at once, and what comes meanwhile conflates as ever. Rests end on the points of a grid, so that a
//!   session's symbols go out together.
//! - **Every tick, for whoever asks.** Ticks leave ingest one by one only for symbols that somebody records
//!   ([`recordings`]); they come to the shards in a bounded ring and wait for their client in another one. What a
//!   client's ring can't hold closes its session, and what a shard's can't those of all who asked; nobody else notices.
//! - **Parts and changes are computed against what was sent.** A subscription with `fields` or `delta` keeps the state
//!   that it was last sent, shared with everybody who was sent the same. So a delta is right however much was conflated
//!   in between.
//! - **The log is the truth.** Nothing is committed anywhere: a start reads the log from its beginning, from the trading
//!   day's or from a checkpoint, up to the watermarks of that moment, and the end of a partition tells that it's there,
//!   not a position: compaction and transactions leave holes. What is caught up with is held, so nobody sees the way.
//! - **A log has an identity.** An offset means something within one `epoch`, which comes from the cluster's name and
//!   the topic's own id ([`log_id`]). librdkafka would begin somewhere else in silence when an offset isn't in the log;
//!   here it tells ([`kafka`]), a surveyor thread looks, and the log is read anew under another epoch.
//! - **Checkpoints are fuzzy and exact.** The ingest thread writes some symbols a turn into a buffer, and the offsets are
//!   those from before the first. On the way from there to the end each symbol passes over what it has: the fold is
//!   idempotent by offset.
//! - **A symbol's parts.** Adding partitions moves keys. Each partition's records of a symbol are folded by themselves and
//!   merged by the log's own time, so that it doesn't matter in which order partitions are read.
//! - **Bad records go elsewhere.** A copy is handed to a thread of its own by a bounded queue that never waits; what the
//!   quarantine topic has already isn't set aside again ([`quarantine`]).
//! - **Encoded once.** Two subscribers' frames differ in their first headers only; all after those is
//!   encoded on first delivery and shared.
//! - **Checkpoints are taken while ticks are folded**, some symbols a turn, and aren't of one moment. The log makes them
//!   exact: it's read again from before the first symbol was captured, and each knows which records it has.
//! - **Sans-IO cores.** Codec, session, shard, conflation and fold know no socket, no clock, no runtime
//!   and no metric: time comes in as `now`, and what is to be done goes out as data.
//!
//! # Invariants
//!
//! 1. Ingest never waits for a client, and a shard never waits for a client.
//! 2. Nothing between Kafka and a socket is unbounded; each bound stands next to its arithmetic.
//! 3. One thread writes the symbols' states, and `seq` never goes back within an epoch. That thread asks the cluster
//!    nothing once it reads, waits for no disk, and for no quarantine.
//! 4. A snapshot is taken on the thread that owns the subscription, after the route stands: no gap, no
//!    duplicate, no lock across both.
//! 5. All deadlines of a session are in one table; one question tells the next of them.
//! 6. Text becomes a type at the edge, and text again only in an encoder.
//! 7. The server isn't ready before it holds everything up to the high watermarks read at its start. However it began,
//!    it holds what the whole log gives, as far as the log reaches.
//!
//! # Rooms, in reading order
//!
//! The pure ones first; a test (`tests/it/layering.rs`) keeps them pure.

// What a price is.
pub mod market;
pub mod feed;
pub mod publication;
pub mod log_id;
pub mod fold;
pub mod checkpoint;
pub mod reading;
pub mod recordings;
pub mod handover;
pub mod feed_status;
pub mod quarantine;

// What a client is promised.
pub mod destination;
pub mod origin;
pub mod client_address;
pub mod admission;
pub mod stomp;
pub mod last_value_cache;
pub mod conflation;
pub mod session;
pub mod shard;
pub mod sockjs;

// What its clients do.
pub mod client;

// What it runs on.
mod sync;
pub mod clock;
pub mod kafka;
pub mod readiness;
pub mod log_limiter;
pub mod metrics;
pub mod transport;
pub mod actors;
pub mod http;
pub mod feeder;
pub mod load;

// How it is started.
pub mod config;
pub mod failure;
pub mod telemetry;
pub mod app;
pub mod cli;
