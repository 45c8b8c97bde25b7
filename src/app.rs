//! The composition root: opens the sockets and the consumer, wires the actors, owns the order of
//! the start and of the shutdown.

mod certificates;
mod cores;
mod demo;
mod front;
mod handshake;
mod listener;
mod memory;
mod signals;

use std::{
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::{
    dev::ServerHandle,
    rt::{self, SystemRunner},
    web,
};
use anyhow::Context;
use tokio::sync::Notify;

use self::{
    cores::Cores,
    demo::DemoFeed,
    front::Front,
    listener::{Announcement, listen},
    signals::Signals,
};
use crate::{
    actors::{
        checkpoints::CheckpointFile,
        inbox::Inbox,
        ingest::{CheckpointPlace, Ingest, IngestHandle, LAST_CHECKPOINT_DEADLINE},
        places::Places,
        shard::ShardActor,
    },
    clock::now_us,
    config::{self, Broker, Topic},
    failure::Failure,
    feed_status::Report,
    http::{AppState, StompBases},
    kafka::{Consumer, ConsumerError, EmbeddedBroker, ProducerConfig, Quarantine, QuarantineThread},
    market::DayBoundary,
    metrics::Metrics,
    origin::OriginPolicy,
    readiness::Readiness,
    session::{CloseReason, FrameRate, Settings},
    stomp::HeartBeat,
    transport::tls::Certificates,
};

/// How long the ingest thread may take to end. Closing a consumer of an unreachable cluster can
/// hang; the process doesn't wait for it.
const INGEST_JOIN_DEADLINE: Duration = Duration::from_secs(2);

/// The same for the quarantine thread, which writes what is left for up to 1.5 s.
const QUARANTINE_JOIN_DEADLINE: Duration = Duration::from_secs(2);

/// Serves until told to stop.
///
/// # Errors
/// See [`Failure`].
pub fn serve(config: config::Serve) -> Result<(), Failure> {
    let (system, signals) = signals::system()?;
    let broker = start_broker(&config.kafka)?;
    Assembly::new(config, broker.as_ref())?.run(&system, signals)
}

/// Serves a simulated market until told to stop.
///
/// # Errors
/// See [`Failure`].
pub fn demo(config: config::Demo) -> Result<(), Failure> {
    let (system, signals) = signals::system()?;
    let broker = start_broker(&config.serve.kafka)?;
    let producer = producer_config(&config.serve, broker.as_ref());
    let format = config.serve.kafka.tick_format;
    let assembly = Assembly::new(config.serve, broker.as_ref())?;
    let feed = DemoFeed::spawn(producer, format, config.simulation);
    let served = assembly.run(&system, signals);
    // While there still is a broker: the feed waits until its last ticks are acknowledged.
    feed.stop();
    drop(broker);
    served
}

/// A server whose sockets are open.
struct Assembly {
    server: Server,
    ingest: Ingest,
    quarantine: Option<QuarantineThread>,
}

impl Assembly {
    fn new(config: config::Serve, broker: Option<&EmbeddedBroker>) -> Result<Self, Failure> {
        memory::prepare();
        // Before any thread of it is started that isn't a worker.
        let workers = config.server.workers.get();
        let cores = config.server.pin_workers.then(|| Cores::reserve(workers)).transpose()?;
        if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
            tracing::warn!(%error, "the limit of open files can't be raised");
        }
        let certificates = config.tls.clone().map(Certificates::read).transpose();
        let certificates = certificates.map_err(Failure::configuration)?.map(Arc::new);
        let listener = listen(&config.server)?;
        let address =
            listener.local_addr().context("the listener has no address").map_err(Failure::Unexpected)?;
        let bootstrap = bootstrap_of(&config.kafka, broker);
        let metrics = Metrics::new();
        let consumer = Consumer::new(&config.kafka, bootstrap.clone(), metrics.feed.clone())
            .map_err(|error| Failure::Configuration(error.into()))?;
        let quarantine = Quarantine::start(&config.kafka, &bootstrap, metrics.quarantine.clone())
            .map_err(|error| Failure::Configuration(error.into()))?;
        let (quarantine, quarantine_thread) = quarantine.unzip();
        Announcement {
            address,
            is_tls: certificates.is_some(),
            bootstrap: &bootstrap,
            topic: &config.kafka.topic,
            is_embedded: broker.is_some(),
        }
        .print()
        .context("standard output can't be written")
        .map_err(Failure::Unexpected)?;
        let inboxes: Arc<[Inbox]> = (0..workers).map(|_| Inbox::default()).collect();
        let readiness = Arc::new(Readiness::default());
        let ingest = Ingest {
            consumer: Arc::new(consumer),
            quarantine,
            inboxes: Arc::clone(&inboxes),
            readiness: Arc::clone(&readiness),
            metrics: metrics.feed.clone(),
            start_from: config.kafka.start_from,
            boundary: day_boundary(config.market.day_boundary),
            feed_status: config.feed,
            checkpoints: checkpoint_place(config.checkpoint.as_ref(), &metrics)?,
            tick_format: config.kafka.tick_format,
            symbols_max: config.market.max_symbols,
            broker_deadline: config.kafka.deadline,
            incarnation: broker.is_some().then(|| now_us().unsigned_abs()),
        };
        let state = AppState {
            origins: OriginPolicy::new(config.origin.allowed.clone(), config.origin.allow_missing),
            readiness,
            metrics,
            open_sessions: Arc::default(),
            places: Places::new(config.admission),
            proxies: config.proxies.clone(),
            refusal_log: Mutex::default(),
            started: Instant::now(),
            bootstrap,
            topic: config.kafka.topic.as_str().to_owned(),
        };
        let server = Server { config, certificates, listener, cores, inboxes, state: web::Data::new(state) };
        Ok(Self { server, ingest, quarantine: quarantine_thread })
    }

    fn run(self, system: &SystemRunner, signals: Signals) -> Result<(), Failure> {
        let served = system.block_on(self.server.run(self.ingest, signals));
        // Ingest has ended, and with it what fills quarantine.
        if self.quarantine.is_some_and(|thread| !thread.join(QUARANTINE_JOIN_DEADLINE)) {
            tracing::debug!("the quarantine topic doesn't close in time and is left behind");
        }
        served
    }
}

fn bootstrap_of(kafka: &config::Kafka, broker: Option<&EmbeddedBroker>) -> String {
    match (broker, &kafka.broker) {
        (Some(broker), _) => broker.bootstrap().to_owned(),
        (None, Broker::Cluster { bootstrap }) => {
            bootstrap.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        }
        (None, Broker::Embedded { .. }) => unreachable!("the embedded broker was started"),
    }
}

fn producer_config(config: &config::Serve, broker: Option<&EmbeddedBroker>) -> ProducerConfig {
    ProducerConfig {
        bootstrap: bootstrap_of(&config.kafka, broker),
        topic: config.kafka.topic.as_str().to_owned(),
        properties: Vec::new(),
        deadline: config.kafka.deadline,
    }
}

/// What a running server consists of.
struct Server {
    config: config::Serve,
    certificates: Option<Arc<Certificates>>,
    listener: TcpListener,
    /// Those of the workers, if each is to have its own.
    cores: Option<Cores>,
    inboxes: Arc<[Inbox]>,
    state: web::Data<AppState>,
}

impl Server {
    async fn run(self, ingest: Ingest, signals: Signals) -> Result<(), Failure> {
        let Signals { hang_up, mut stop } = signals;
        rt::spawn(certificates::keep_current(
            self.certificates.clone(),
            self.state.metrics.connections.clone(),
            hang_up,
        ));
        rt::spawn(memory::keep_trim(Arc::clone(&self.state.open_sessions)));
        let grace = self.config.server.shutdown_grace;
        let last_checkpoint =
            self.config.checkpoint.as_ref().map_or(Duration::ZERO, |_| LAST_CHECKPOINT_DEADLINE);
        let ingest_deadline = INGEST_JOIN_DEADLINE + last_checkpoint;
        let (state, inboxes) = (self.state.clone(), Arc::clone(&self.inboxes));
        let ended = Arc::new(Notify::new());
        let ingest = ingest.spawn({
            let ended = Arc::clone(&ended);
            move || ended.notify_one()
        });
        if matches!(self.config.kafka.broker, Broker::Embedded { .. }) {
            await_ready(&state.readiness).await;
        }
        let server = self.start_http().context("the server can't be started").map_err(Failure::StartUp)?;
        let http = server.handle();
        let mut http_task = rt::spawn(server);
        tokio::select! {
            signal = stop.told() => tracing::info!(signal, "shutting down"),
            () = ended.notified() => {}
            // Nobody has asked it to end.
            _ = &mut http_task => return Err(Failure::Unexpected(anyhow::anyhow!("the HTTP server ended"))),
        }
        ingest.stop();
        shut_down(&state, &inboxes, &http, grace).await;
        if let Err(error) = http_task.await {
            tracing::error!(%error, "the HTTP server ended unexpectedly");
        }
        // Last, since it may take a while: a consumer of an unreachable cluster closes slowly.
        ingest_failure(ingest, ingest_deadline)
    }

    fn start_http(self) -> std::io::Result<actix_web::dev::Server> {
        let Self { config, certificates, listener, cores, inboxes, state } = self;
        let settings = Arc::new(session_settings(&config.limits));
        let sockjs = StompBases::new(&config);
        let next_worker = Arc::new(AtomicUsize::new(0));
        let front = Front {
            certificates,
            request_deadline: config.limits.request_deadline,
            send_deadline: config.limits.send_deadline,
            socket_send_lowat_bytes: config.server.socket_send_lowat_bytes,
            sockjs,
            metrics: state.metrics.connections.clone(),
        };
        let start_shard = {
            let state = state.clone();
            move || {
                // Each worker thread calls this once. A panic, after which actix would start another
                // worker, ends the process.
                let worker = next_worker.fetch_add(1, Ordering::Relaxed);
                if let Some(cores) = &cores {
                    cores.take(worker);
                }
                ShardActor::start(
                    Arc::clone(&inboxes),
                    worker,
                    Arc::clone(&settings),
                    state.metrics.sessions.clone(),
                    Arc::clone(&state.open_sessions),
                )
            }
        };
        let (workers, sessions_max) = (config.server.workers.get(), config.admission.sessions_max);
        front.serve(listener, workers, sessions_max, state, start_shard)
    }
}

/// An embedded log is empty, and so caught up with in some 50 ms. Whoever connects meanwhile isn't
/// refused but waits in the backlog.
async fn await_ready(readiness: &Readiness) {
    const DEADLINE: Duration = Duration::from_secs(2);
    let start = Instant::now();
    while readiness.check().is_err() && start.elapsed() < DEADLINE {
        rt::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The order of the shutdown: no new clients, the sessions told and closed, then the server.
async fn shut_down(state: &AppState, inboxes: &[Inbox], http: &ServerHandle, grace: Duration) {
    state.readiness.draining();
    let status = Report::draining(now_us()).json();
    for inbox in inboxes {
        inbox.handover.drain(Arc::clone(&status));
        inbox.handover.close_all(CloseReason::Shutdown);
    }
    let deadline = Instant::now() + grace;
    while state.open_sessions.load(Ordering::Relaxed) > 0 && Instant::now() < deadline {
        rt::time::sleep(Duration::from_millis(10)).await;
    }
    http.stop(false).await;
    tracing::info!(sessions_left = state.open_sessions.load(Ordering::Relaxed), "stopped");
}

fn ingest_failure(ingest: IngestHandle, deadline: Duration) -> Result<(), Failure> {
    match ingest.join(deadline) {
        None => {
            tracing::warn!("the Kafka consumer doesn't close in time and is left behind");
            Ok(())
        }
        Some(Err(_)) => Err(Failure::Unexpected(anyhow::anyhow!("the ingest thread panicked"))),
        Some(Ok(Ok(()))) => Ok(()),
        Some(Ok(Err(error @ ConsumerError::Configuration(_)))) => Err(Failure::Configuration(error.into())),
        Some(Ok(Err(error @ ConsumerError::Unreachable { .. }))) => Err(Failure::StartUp(error.into())),
        Some(Ok(Err(error @ ConsumerError::Assignment { .. }))) => Err(Failure::Unexpected(error.into())),
    }
}

fn checkpoint_place(
    checkpoint: Option<&config::Checkpoint>,
    metrics: &Metrics,
) -> Result<Option<CheckpointPlace>, Failure> {
    let Some(config::Checkpoint { file, interval }) = checkpoint else { return Ok(None) };
    let file = CheckpointFile::open(file).map_err(|error| Failure::StartUp(error.into()))?;
    Ok(Some(CheckpointPlace { file, interval: *interval, metrics: metrics.checkpoints.clone() }))
}

fn start_broker(kafka: &config::Kafka) -> Result<Option<EmbeddedBroker>, Failure> {
    match kafka.broker {
        Broker::Cluster { .. } => Ok(None),
        Broker::Embedded { port } => {
            let topics = [Some(&kafka.topic), kafka.quarantine.as_ref()];
            let topics: Vec<_> = topics.into_iter().flatten().map(Topic::as_str).collect();
            EmbeddedBroker::start(&topics, port).map(Some).map_err(|error| Failure::StartUp(error.into()))
        }
    }
}

fn session_settings(limits: &config::Limits) -> Settings {
    Settings {
        connect_deadline: limits.connect_deadline,
        send_deadline: limits.send_deadline,
        frame_rate: FrameRate { frames_per_s: limits.frame_rate, burst: f64::from(limits.frame_burst) },
        heart_beat: HeartBeat { can_send: limits.heart_beat, wants: limits.heart_beat },
        ping_interval: limits.ping_interval,
        frame_bytes_before_connect: limits.frame_before_connect_bytes,
        frame_bytes: limits.frame_bytes,
        subscriptions_max: limits.max_subscriptions,
        wildcards_max: limits.max_wildcards,
        max_rate: limits.max_rate,
        every_ticks_max: limits.every_ticks,
        ..Settings::default()
    }
}

fn day_boundary(after_midnight: Duration) -> DayBoundary {
    let offset_us = i64::try_from(after_midnight.as_micros()).expect("a day boundary is below 24 hours");
    DayBoundary::after_midnight_utc(offset_us)
}
