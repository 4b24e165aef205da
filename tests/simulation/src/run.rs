//! One run of one seed: makes the world, lets happen what the timeline says, one turn at a time, until everything has come
//! to rest or something broke.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once};
use std::task::{Context, Poll};

use futures::task::noop_waker_ref;
use millrace_domain::{QueueName, TenantId};
use millrace_ports::{Receipt, ReceivedMessage};
use millrace_test_support::{SIM_START, SimClock};

use crate::chance::Chance;
use crate::clients::Clients;
use crate::contents::Contents;
use crate::dead_letters::{dead_documents, redrive};
use crate::event_sources::{self, Answer, Ending, Invocation};
use crate::label::{FaultPlace, Kind, Label};
use crate::operation::{Operation, Target};
use crate::operator::Operator;
use crate::ports::{EXPLOSION, visibility_ms};
use crate::scheduler::{Happening, Next, Scheduler};
use crate::settling::{self, Settling};
use crate::weather::{Struck, Weather};
use crate::witness::{Asked, Permit, Violation, Witness};
use crate::world::{Layers, World};

/// How often the schedule fires, in milliseconds.
const SWEEP_EVERY_MS: u64 = 60_000;
/// How long after the last trouble it fires more often, if a collection moves, in milliseconds.
const OFTEN_MS: i64 = 5 * 60_000;
/// How long the stream waits after a failure, in milliseconds.
const RELAY_PAUSE_MS: u64 = 1_000;
/// More turns than any run takes: a run that takes them goes in circles.
const TURNS_MAX: u64 = 2_000_000;

/// What a run shall do beyond its seed.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether to keep the trace.
    pub traced: bool,
    /// Only these faults strike, if they are named.
    pub only: Option<BTreeSet<FaultPlace>>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// What it was a run of.
    pub seed: u64,
    /// What broke, in the order of finding.
    pub violations: Vec<Violation>,
    /// The faults that struck.
    pub struck: Vec<Struck>,
    /// Turns taken.
    pub turns: u64,
    /// How long it took to come to rest after the last fault and the last request, in simulated milliseconds.
    pub settled_after_ms: u64,
    /// What happened, if it was to be kept.
    pub trace: String,
}

/// Who is behind a task.
#[derive(Debug)]
enum Role {
    Request {
        client: usize,
        asked: Asked,
    },
    Worker(QueueName, Vec<ReceivedMessage>),
    Relay,
    Sweep,
    Operator(Asked),
    /// Somebody puts dead letters back by a request, once.
    Redrive(Asked),
}

struct Task {
    label: Label,
    role: Role,
    invocation: Invocation,
}

/// A run.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) world: World,
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) witness: Arc<Witness>,
    pub(crate) contents: Arc<Contents>,
    pub(crate) clients: Clients,
    pub(crate) operator: Operator,
    pub(crate) settling: Settling,
    /// When the last request began or ended.
    pub(crate) asked_at: i64,
    tasks: BTreeMap<u64, Task>,
    made: u64,
    invocations: BTreeMap<Kind, u64>,
    workers_max: u64,
    /// The latest receipt of each message.
    receipts: BTreeMap<(QueueName, String), Receipt>,
    relaying: bool,
}

/// Keeps the panics that are part of a run from the terminal.
fn hush_explosions() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            if panicked.payload_as_str() != Some(EXPLOSION) {
                usual(panicked);
            }
        }));
    });
}

/// Runs a seed.
pub fn run(seed: u64, options: &Options) -> Outcome {
    hush_explosions();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without threads takes nothing from the system but memory");
    let _timers = runtime.enter();
    let mut run = Run::new(seed, options);
    run.begin();
    while run.witness.is_content() && !run.settling.is_over() && run.go_on() {}
    Outcome {
        seed,
        violations: run.witness.violations(),
        struck: run.scheduler.struck(),
        turns: run.scheduler.turns(),
        settled_after_ms: run.settling.after_ms(),
        trace: run.scheduler.take_trace(),
    }
}

impl Run {
    fn new(seed: u64, options: &Options) -> Self {
        let clock = Arc::new(SimClock::default());
        let weather = Weather::of(seed, SIM_START.as_millis(), options.only.clone());
        let scheduler = Arc::new(Scheduler::new(seed, clock.clone(), weather, options.traced));
        let contents = Arc::new(Contents::default());
        let witness = Arc::new(Witness::new(contents.clone(), scheduler.clone()));
        let clients = Clients::of(seed);
        let layers = Layers { clock, scheduler: scheduler.clone(), witness: witness.clone() };
        Self {
            seed,
            world: World::new(seed, &layers, clients.tenants()),
            scheduler,
            witness,
            contents,
            clients,
            operator: Operator::of(seed),
            settling: Settling::default(),
            asked_at: SIM_START.as_millis(),
            tasks: BTreeMap::new(),
            made: 0,
            invocations: BTreeMap::new(),
            workers_max: Chance::of(&[seed, 40]).within(1, 4),
            receipts: BTreeMap::new(),
            relaying: false,
        }
    }

    fn begin(&self) {
        for client in 0..self.clients.len() {
            self.scheduler.happen(Happening::Client(client), self.clients.pause_ms(client));
        }
        if let Some(pause_ms) = self.operator.pause_ms() {
            self.scheduler.happen(Happening::Operator, pause_ms);
        }
        self.scheduler.happen(Happening::Sweep, SWEEP_EVERY_MS);
        for (cut, at) in self.scheduler.weather.power_cuts.iter().enumerate() {
            let in_ms = at - SIM_START.as_millis();
            self.scheduler.happen(Happening::PowerCut(cut as u64), in_ms.unsigned_abs());
        }
    }

    /// Lets the next thing happen; false if nothing is left.
    fn go_on(&mut self) -> bool {
        if self.scheduler.turns() > TURNS_MAX {
            self.witness.accuse("G1", "a run comes to an end", format!("more than {TURNS_MAX} turns"));
            return false;
        }
        match self.scheduler.next() {
            None => false,
            Some(Next::Turn(task)) => {
                self.drive(task);
                true
            }
            Some(Next::Happening(happening)) => {
                match happening {
                    Happening::Poll(queue) => self.poll(queue),
                    Happening::Relay => self.relay(),
                    Happening::Sweep => self.sweep(),
                    Happening::Client(client) => self.ask(client),
                    Happening::Operator => self.operate(),
                    Happening::PowerCut(number) => self.power_cut(number),
                    Happening::Died(queue) => self.died(queue),
                    Happening::Redrive(queue) => self.redrive(queue),
                }
                true
            }
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }

    fn label(&mut self, kind: Kind) -> Label {
        let number = self.invocations.entry(kind).or_default();
        *number += 1;
        Label::new(kind, *number)
    }

    fn spawn(&mut self, label: Label, role: Role, invocation: Invocation) {
        self.made += 1;
        self.tasks.insert(self.made, Task { label, role, invocation });
        self.drive(self.made);
    }

    /// Polls a task once. It waits at its next point, ended, or met its death.
    fn drive(&mut self, id: u64) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        self.scheduler.enter(Some(id));
        let mut context = Context::from_waker(noop_waker_ref());
        let polled = panic::catch_unwind(AssertUnwindSafe(|| task.invocation.as_mut().poll(&mut context)));
        self.scheduler.enter(None);
        match polled {
            Ok(Poll::Ready(ending)) => self.ended(id, Some(ending)),
            Ok(Poll::Pending) if self.scheduler.is_dying(id) => self.ended(id, None),
            Ok(Poll::Pending) => {}
            Err(_) => {
                let label = task.label;
                self.witness.accuse("G8", "a panic does not leave its handler", label.to_string());
                self.ended(id, None);
            }
        }
    }

    fn ended(&mut self, id: u64, ending: Option<Ending>) {
        let Some(Task { label, role, invocation }) = self.tasks.remove(&id) else { return };
        drop(invocation);
        let troubled = self.scheduler.is_troubled(id);
        self.scheduler.end(id);
        self.scheduler.note(|| match &ending {
            None => format!("{label} died"),
            Some(Ending::Answered(Answer { status, body, .. })) => {
                format!("{label} answered {} {}", status.as_u16(), String::from_utf8_lossy(body))
            }
            Some(_) => format!("{label} ended"),
        });
        match (role, ending) {
            (Role::Request { client, asked }, ending) => self.answered(client, &asked, ending),
            (Role::Worker(queue, messages), ending) => {
                if let Some(Ending::Handled(reported)) = ending.as_ref().filter(|_| !troubled) {
                    self.reported(label, queue, &messages, reported);
                }
                self.worked(label, queue, &messages, ending.is_some());
            }
            (Role::Relay, ending) => self.relayed(label, ending),
            (Role::Sweep, _) => {}
            (Role::Operator(asked), ending) => self.operated(&asked, ending),
            (Role::Redrive(asked), ending) => {
                self.asked_at = self.scheduler.now();
                if let Some(Ending::Answered(answer)) = &ending {
                    self.witness.answered(&asked, answer);
                }
            }
        }
    }

    fn poll(&mut self, queue: QueueName) {
        let busy = |task: &&Task| matches!(task.role, Role::Worker(of, _) if of == queue);
        if self.tasks.values().filter(busy).count() as u64 >= self.workers_max {
            return;
        }
        let kind = match queue {
            QueueName::Ingest => Kind::Ingest,
            QueueName::Embed => Kind::Embed,
            QueueName::Purge => Kind::Purge,
            QueueName::Projector => Kind::Projector,
            QueueName::Uploads => Kind::Uploads,
        };
        let number = self.invocations.get(&kind).copied().unwrap_or_default();
        let most = Chance::of(&[self.seed, 41, kind as u64, number]).within(1, 10);
        let messages = event_sources::receive(&self.world, queue, most as usize);
        if messages.is_empty() {
            return;
        }
        self.witness.received(queue, &messages, visibility_ms(queue));
        self.scheduler.happen(Happening::Poll(queue), visibility_ms(queue) + 1);
        self.scheduler.happen(Happening::Poll(queue), 1);
        let label = self.label(kind);
        self.invoke(label, queue, messages.clone());
        if let Some((place, mishap)) = self.scheduler.weather.repeat(label, self.scheduler.now()) {
            self.scheduler.strike(place, "receive", mishap);
            self.witness.repeated(&messages);
            let label = self.label(kind);
            self.invoke(label, queue, messages);
        }
    }

    fn invoke(&mut self, label: Label, queue: QueueName, messages: Vec<ReceivedMessage>) {
        let documents = event_sources::documents_of(&messages);
        self.scheduler.note(|| {
            let ids: Vec<_> = messages.iter().map(|message| message.message_id.as_str()).collect();
            let about: Vec<_> = documents.iter().map(|key| key.document_id.to_string()).collect();
            format!("{label} {ids:?} {about:?}")
        });
        self.scheduler.begin(self.made + 1, label, documents);
        for message in &messages {
            self.receipts.insert((queue, message.message_id.clone()), message.receipt.clone());
        }
        let invocation = event_sources::batch(&self.world.functions, queue, messages.clone());
        self.spawn(label, Role::Worker(queue, messages), invocation);
    }

    /// Messages were reported as failed by an invocation in which nothing went wrong: each was put off.
    fn reported(&self, by: Label, queue: QueueName, messages: &[ReceivedMessage], ids: &[String]) {
        for message in messages.iter().filter(|message| ids.contains(&message.message_id)) {
            let rule = "only what has to come again is reported as failed";
            let put_off = self.witness.is_put_off(queue, message, by);
            self.witness.holds("G8", rule, put_off, || format!("{by} {queue} {}", message.message_id));
        }
    }

    /// An invocation ended. One that died or met a fault, while another delivery of its message was done with it, may have
    /// left something that nobody will come back for.
    fn worked(&mut self, label: Label, queue: QueueName, messages: &[ReceivedMessage], alive: bool) {
        self.scheduler.happen(Happening::Poll(queue), 1);
        if alive && !self.scheduler.has_struck(label) {
            return;
        }
        for message in messages {
            let latest = self.receipts.get(&(queue, message.message_id.clone()));
            let deleted_by = latest.and_then(|receipt| self.world.deleted.by(queue, receipt));
            if deleted_by.is_some_and(|by| by != label) {
                for key in event_sources::documents_of(std::slice::from_ref(message)) {
                    self.witness.litters(&key);
                }
            }
        }
    }

    fn relay(&mut self) {
        if self.relaying {
            return;
        }
        let number = self.invocations.get(&Kind::Relay).copied().unwrap_or_default();
        let most = *Chance::of(&[self.seed, 42, number]).one_of(&[1, 3, 10, 100]);
        let Some(invocation) = event_sources::relay(&self.world, most) else { return };
        self.relaying = true;
        let label = self.label(Kind::Relay);
        self.scheduler.begin(self.made + 1, label, Vec::new());
        self.spawn(label, Role::Relay, invocation);
    }

    fn relayed(&mut self, label: Label, ending: Option<Ending>) {
        self.relaying = false;
        let mut pause_ms = RELAY_PAUSE_MS;
        if let Some(Ending::Relayed(position, whole)) = ending {
            match self.scheduler.weather.repeat(label, self.scheduler.now()) {
                Some((place, mishap)) => self.scheduler.strike(place, "stream", mishap),
                None => event_sources::advance(&self.world, position),
            }
            pause_ms = if whole { 1 } else { RELAY_PAUSE_MS };
        }
        self.scheduler.happen(Happening::Relay, pause_ms);
    }

    fn sweep(&mut self) {
        settling::look(self);
        let label = self.label(Kind::Sweep);
        self.scheduler.begin(self.made + 1, label, Vec::new());
        let invocation = event_sources::sweep(&self.world.functions);
        self.spawn(label, Role::Sweep, invocation);
        self.scheduler.happen(Happening::Sweep, self.next_sweep_ms());
    }

    /// A single node sweeps often while a collection moves. Long after the last trouble a minute is soon enough, as on AWS.
    fn next_sweep_ms(&self) -> u64 {
        let often_until = self.scheduler.calm_from().max(self.asked_at) + OFTEN_MS;
        let often = self.scheduler.now() < often_until && settling::is_moving(self);
        if often { self.operator.sweeps_every_ms() } else { SWEEP_EVERY_MS }
    }

    fn operate(&mut self) {
        let Some((tenant, collection)) = self.operator.about() else { return };
        let (tenant, secret) = self.clients.tenants()[tenant].clone();
        let dimensions = settling::dimensions(self, &tenant, &collection);
        let Some(asking) = self.operator.next(dimensions) else { return };
        self.asked_at = self.scheduler.now();
        let label = Label::new(Kind::Request, asking.number);
        self.scheduler.note(|| format!("{label} {tenant} asks: {}", asking.operation.name()));
        let Some(request) = asking.operation.request(&secret) else { return };
        let asked = Asked { tenant, operation: asking.operation, from: self.witness.instant() };
        self.scheduler.begin(self.made + 1, label, Vec::new());
        let invocation = event_sources::request(&self.world.functions, request);
        self.spawn(label, Role::Operator(asked), invocation);
    }

    fn operated(&mut self, asked: &Asked, ending: Option<Ending>) {
        self.asked_at = self.scheduler.now();
        let mut status = None;
        if let Some(Ending::Answered(answer)) = &ending {
            self.witness.answered(asked, answer);
            status = Some(answer.status);
        }
        self.operator.answered(status);
        if let Some(pause_ms) = self.operator.pause_ms() {
            self.scheduler.happen(Happening::Operator, pause_ms);
        }
    }

    fn ask(&mut self, client: usize) {
        let stalled = self.clients.overtake().then(|| self.scheduler.take_stalled()).flatten();
        let Some(step) = self.clients.next(client, &self.contents, stalled.as_ref()) else { return };
        self.asked_at = self.scheduler.now();
        let label = Label::new(Kind::Request, step.number);
        self.scheduler.note(|| format!("{label} {} asks: {}", step.tenant, step.operation.name()));
        self.permit(label, &step.tenant, &step.operation);
        if matches!(step.operation, Operation::RedriveAll) {
            for queue in QueueName::ALL {
                redrive(&self.world, queue, &self.scheduler);
            }
        }
        let Some(request) = step.operation.request(&step.secret) else {
            self.clients.answered(client, Some((http::StatusCode::OK, b"")));
            return self.scheduler.happen(Happening::Client(client), self.clients.pause_ms(client));
        };
        self.witness.asks(&step.tenant, &step.operation);
        let documents = step.operation.target().map(|target| target.key()).into_iter().collect();
        let asked = Asked { tenant: step.tenant, operation: step.operation, from: self.witness.instant() };
        self.scheduler.begin(self.made + 1, label, documents);
        let invocation = event_sources::request(&self.world.functions, request);
        self.spawn(label, Role::Request { client, asked }, invocation);
    }

    fn answered(&mut self, client: usize, asked: &Asked, ending: Option<Ending>) {
        self.asked_at = self.scheduler.now();
        let answer = match &ending {
            Some(Ending::Answered(answer)) => {
                self.witness.answered(asked, answer);
                Some((answer.status, &answer.body[..]))
            }
            _ => None,
        };
        self.clients.answered(client, answer);
        self.scheduler.happen(Happening::Client(client), self.clients.pause_ms(client));
    }

    /// A message was given up: in some runs somebody puts it back soon, the first few times.
    fn died(&mut self, queue: QueueName) {
        if let Some(in_ms) = self.clients.puts_back_in_ms() {
            self.scheduler.happen(Happening::Redrive(queue), in_ms);
        }
    }

    /// Puts dead letters back: all of a queue past the API, or by a request of a tenant those that are its own.
    fn redrive(&mut self, queue: QueueName) {
        self.asked_at = self.scheduler.now();
        let dead = dead_documents(&self.world, queue);
        let Some((number, asked, secret)) = self.clients.puts_back(&dead) else {
            return redrive(&self.world, queue, &self.scheduler);
        };
        let label = Label::new(Kind::Request, number);
        self.scheduler.note(|| format!("{label} {} asks: {}", asked.0, asked.1.name()));
        let Some(request) = asked.1.request(&secret) else { return };
        self.permit(label, &asked.0, &asked.1);
        let asked = Asked { tenant: asked.0, operation: asked.1, from: self.witness.instant() };
        self.scheduler.begin(self.made + 1, label, Vec::new());
        let invocation = event_sources::request(&self.world.functions, request);
        self.spawn(label, Role::Redrive(asked), invocation);
    }

    /// Tells the witness what a request may put back.
    fn permit(&self, request: Label, tenant: &TenantId, operation: &Operation) {
        if let Operation::Redrive { target, dry_run } = operation {
            let (tenant, document) = (tenant.clone(), target.as_ref().map(Target::key));
            self.witness.permits(request, Permit { tenant, document, dry_run: *dry_run });
        }
    }

    fn power_cut(&mut self, number: u64) {
        let Some((place, mishap)) = self.scheduler.weather.power_cut(number, self.scheduler.now()) else {
            return;
        };
        self.scheduler.strike(place, "power", mishap);
        let tasks: Vec<u64> = self.tasks.keys().copied().collect();
        for task in tasks {
            self.ended(task, None);
        }
    }
}
