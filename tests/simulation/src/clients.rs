//! The clients: what each asks next, chosen from the seed and from what it has been told so far, and what it does when no
//! answer comes. Each asks one thing at a time.

use http::StatusCode;
use millrace_domain::{CollectionName, DocumentId, DocumentKey, TenantId};
use serde_json::Value;

use crate::chance::Chance;
use crate::contents::{Content, Contents};
use crate::operation::{Operation, Target};
use crate::squall::Squall;

/// Contents there are; few, so that copies occur.
const CONTENTS: u64 = 9;
/// Times that a request is asked again.
const TRIES_MAX: u64 = 6;

/// How often in a run clients do unusual things, in ten thousand, and how often they then do.
const UNUSUAL_RUNS: u64 = 5_000;
const UNUSUAL_OPERATIONS: u64 = 2_500;
/// The name of that chance: one under which the kept seeds are what they were.
const UNUSUAL: u64 = 184;
/// Dead letters that are put back soon after they died.
const PUT_BACK_MAX: u64 = 3;

/// A client.
#[derive(Debug)]
struct Client {
    tenant: usize,
    /// Operations that it has begun, and how many it will.
    begun: u64,
    planned: u64,
    /// All it has asked, with what followed.
    asked: u64,
    /// What follows from an answer that it got.
    then: Vec<Operation>,
    /// What it asks again, and how often it did.
    again: Option<(Operation, u64)>,
}

/// What the clients of a run are mostly at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// A bit of everything.
    Even,
    /// All of one tenant replace one document over and over.
    Replacing,
    /// All of one tenant cancel and retry one document over and over.
    Stopping,
}

/// A document that clients know of.
#[derive(Debug, Clone)]
struct Known {
    target: Target,
    version: u64,
    /// What was uploaded to it last, as far as they know.
    content: Option<Content>,
}

/// All clients and what they know together.
#[derive(Debug)]
pub(crate) struct Clients {
    seed: u64,
    mood: Mood,
    /// Whether they prefer documents whose worker stands still: trouble that gathers finds what clients gather at.
    overtake: bool,
    /// Whether they do unusual things, too. Runs in which they do not are as they would be were there none of these.
    unusual: bool,
    /// How many dead letters were put back soon after they died.
    put_back: u64,
    put_back_asked: u64,
    tenants: Vec<(TenantId, String)>,
    clients: Vec<Client>,
    known: Vec<Known>,
    /// Keys that were used, each with its tenant and content.
    keys: Vec<(usize, String, u64, CollectionName)>,
}

/// What a client does next.
#[derive(Debug)]
pub(crate) struct Step {
    /// Names the request: which client's which operation and which try.
    pub(crate) number: u64,
    pub(crate) tenant: TenantId,
    pub(crate) secret: String,
    pub(crate) operation: Operation,
}

impl Clients {
    /// The clients of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut chance = Chance::of(&[seed, 30]);
        let names = ["acme", "globex"].map(|name| TenantId::new(name).ok());
        let tenants = names.into_iter().flatten().map(|tenant| {
            let secret = format!("secret-of-{tenant}");
            (tenant, secret)
        });
        let gathers = Squall::of(seed).is_some_and(|squall| !squall.of_moves);
        let mood = match (chance.below(6), gathers) {
            (0, false) | (0..2, true) => Mood::Replacing,
            (1, false) | (2.., true) => Mood::Stopping,
            (2.., false) => Mood::Even,
        };
        let clients = (0..chance.within(1, 4) as usize).map(|at| Client {
            tenant: if mood == Mood::Even { at % 2 } else { 0 },
            begun: 0,
            asked: 0,
            planned: chance.within(4, 14),
            then: Vec::new(),
            again: None,
        });
        let clients = clients.collect();
        Self {
            seed,
            mood,
            overtake: gathers,
            unusual: Chance::of(&[seed, UNUSUAL]).happens(UNUSUAL_RUNS),
            put_back: 0,
            put_back_asked: 0,
            tenants: tenants.collect(),
            clients,
            known: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// The tenants and their secrets.
    pub(crate) fn tenants(&self) -> &[(TenantId, String)] {
        &self.tenants
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether all have asked everything they wanted to.
    pub(crate) fn are_done(&self) -> bool {
        self.clients
            .iter()
            .all(|client| client.begun == client.planned && client.again.is_none() && client.then.is_empty())
    }

    /// Whether they want to know of documents whose worker stands still.
    pub(crate) fn overtake(&self) -> bool {
        self.overtake
    }

    /// After how long a dead letter is put back, in milliseconds, if it is. The leftovers of its document are being purged then.
    pub(crate) fn puts_back_in_ms(&mut self) -> Option<u64> {
        if !self.unusual || self.put_back == PUT_BACK_MAX {
            return None;
        }
        self.put_back += 1;
        let mut chance = Chance::of(&[self.seed, 38, self.put_back]);
        Some(*chance.one_of(&[1, 50, 500, 5_000, 60_000]))
    }

    /// Who asks that dead letters are put back, and how, where these documents have some; `None` if all letters of the queue
    /// are, past the API. It may be somebody whose letters these are not, or who only wants to know.
    pub(crate) fn puts_back(&mut self, dead: &[DocumentKey]) -> Option<(u64, (TenantId, Operation), String)> {
        self.put_back_asked += 1;
        let mut chance = Chance::of(&[self.seed, 43, self.put_back_asked]);
        if dead.is_empty() || chance.happens(3_000) {
            return None;
        }
        let (tenant, secret) = chance.one_of(&self.tenants).clone();
        let mine: Vec<_> = dead.iter().filter(|key| key.tenant_id == tenant).cloned().collect();
        let named = (chance.happens(5_000) && !mine.is_empty()).then(|| {
            let key = chance.one_of(&mine);
            Target { owner: key.tenant_id.clone(), document_id: key.document_id }
        });
        let operation = Operation::Redrive { target: named, dry_run: chance.happens(2_000) };
        Some((2_000_000 + self.put_back_asked, (tenant, operation), secret))
    }

    /// What a client asks next, if anything. `stalled` is a document whose worker stands still.
    pub(crate) fn next(
        &mut self,
        at: usize,
        contents: &Contents,
        stalled: Option<&DocumentKey>,
    ) -> Option<Step> {
        let (operation, tries) = match self.clients[at].again.take() {
            Some(again) => again,
            None => {
                let client = &mut self.clients[at];
                if client.begun == client.planned && client.then.is_empty() {
                    return None;
                }
                client.asked += 1;
                match client.then.pop() {
                    Some(operation) => (operation, 0),
                    None => {
                        client.begun += 1;
                        (self.choose(at, contents, stalled), 0)
                    }
                }
            }
        };
        let client = &mut self.clients[at];
        client.again = Some((operation.clone(), tries));
        let (tenant, secret) = self.tenants[client.tenant].clone();
        let number = (at as u64 * 1_000 + client.asked) * 10 + tries;
        Some(Step { number, tenant, secret, operation })
    }

    /// How long a client waits before its next request, in milliseconds.
    pub(crate) fn pause_ms(&self, at: usize) -> u64 {
        let client = &self.clients[at];
        let tries = client.again.as_ref().map_or(0, |again| again.1);
        let mut chance = Chance::of(&[self.seed, 31, at as u64, client.asked, tries]);
        // Who stops and retries has to wait for leases and purges.
        let longest = if self.mood == Mood::Stopping { 150_000 } else { 60_000 };
        let most = *chance.one_of(&[20, 500, 5_000, longest]);
        chance.within(1, most)
    }

    /// A client's request was answered, or not (its server died).
    pub(crate) fn answered(&mut self, at: usize, answer: Option<(StatusCode, &[u8])>) {
        let Some((operation, tries)) = self.clients[at].again.take() else { return };
        if let Some((status, body)) = answer {
            self.learn(at, &operation, status, body);
        }
        // What may pass is asked again; a conflict may, too.
        let unsettled = answer.is_none_or(|(status, _)| {
            status.is_server_error() || (status == StatusCode::CONFLICT && tries < 2)
        });
        if unsettled && operation.may_repeat() && tries + 1 < TRIES_MAX {
            self.clients[at].again = Some((operation, tries + 1));
        }
    }

    fn learn(&mut self, at: usize, operation: &Operation, status: StatusCode, body: &[u8]) {
        if !status.is_success() {
            return;
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        if let Operation::Start { content, .. } = operation {
            return self.started(at, content, &body);
        }
        let Some(document_id) = body["document_id"].as_str().and_then(|id| id.parse::<DocumentId>().ok())
        else {
            return;
        };
        let version = body["version"].as_u64().unwrap_or(1);
        let content = match operation {
            Operation::Upload { content, .. } | Operation::Replace { content, .. } => Some(content.clone()),
            _ => None,
        };
        match self.known.iter_mut().find(|known| known.target.document_id == document_id) {
            Some(known) => {
                known.version = known.version.max(version);
                known.content = content.or(known.content.take());
            }
            None => {
                let owner = self.tenants[self.clients[at].tenant].0.clone();
                self.known.push(Known { target: Target { owner, document_id }, version, content });
            }
        }
    }

    /// An upload was started: its bytes follow, mostly, and its end, mostly.
    fn started(&mut self, at: usize, content: &Content, answer: &Value) {
        let client = &mut self.clients[at];
        let mut chance = Chance::of(&[self.seed, 33, at as u64, client.asked]);
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        if chance.happens(7_000) {
            client.then.push(Operation::Complete { url: text("complete_url"), content: content.clone() });
        }
        if chance.happens(9_000) {
            let headers = answer["headers"].as_object().into_iter().flatten();
            let headers =
                headers.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().into()));
            let (url, headers): (_, Vec<_>) = (text("url"), headers.collect());
            let mut wrong = Chance::of(&[self.seed, 39, at as u64, client.asked]);
            let other = (self.unusual && wrong.happens(5_000)).then(|| content.of_same_length());
            client.then.push(Operation::Put {
                url: url.clone(),
                headers: headers.clone(),
                content: content.clone(),
            });
            if let Some(other) = other {
                client.then.push(Operation::Put { url, headers, content: other });
            }
        }
    }

    fn choose(&mut self, at: usize, contents: &Contents, stalled: Option<&DocumentKey>) -> Operation {
        let begun = self.clients[at].begun;
        let mut chance = Chance::of(&[self.seed, 32, at as u64, begun]);
        if let Some(operation) = stalled.and_then(|stalled| self.overtaking(at, contents, stalled)) {
            return operation;
        }
        let Some(known) = self.pick(at, &mut chance) else { return self.upload(at, contents, &mut chance) };
        let known = known.clone();
        if let Some(operation) = self.unusual(at, contents, &known) {
            return operation;
        }
        let target = known.target.clone();
        let roll = match self.mood {
            Mood::Replacing if chance.happens(4_000) => 30,
            Mood::Stopping if chance.happens(4_000) => *chance.one_of::<u64>(&[50, 60, 90]),
            Mood::Even | Mood::Replacing | Mood::Stopping => chance.below(100),
        };
        match roll {
            0..14 => self.upload(at, contents, &mut chance),
            14..18 => {
                let replaced = chance.happens(4_000).then_some(target);
                let key = chance.happens(6_000).then(|| format!("start-{at}-{begun}"));
                let content = self.content(chance.below(CONTENTS), contents);
                Operation::Start { target: replaced, content, key, collection: collection(&mut chance) }
            }
            18..26 => self.repeat(at, contents, &mut chance),
            26..38 => {
                let if_match = chance.happens(3_000).then_some(known.version);
                let key = chance.happens(5_000).then(|| format!("replace-{at}-{begun}"));
                let content = self.content(chance.below(CONTENTS), contents);
                Operation::Replace { target, content, key, if_match }
            }
            38..48 => Operation::Delete { target, if_match: None },
            48..55 => Operation::Cancel { target },
            55..64 => Operation::Retry { target },
            64..70 => Operation::Get { target },
            70..72 => Operation::Timeline { target },
            72..74 => Operation::Chunks { target },
            74..76 => Operation::Content { target },
            76..78 => Operation::List,
            78..80 => Operation::Stats,
            80..83 => Operation::RedriveAll,
            _ => Operation::Search { collection: collection(&mut chance) },
        }
    }

    /// Now and then, in some runs, something that clients do seldom: put dead letters back, delete what they saw, upload again
    /// what is there or what failed, use a key for something else.
    fn unusual(&self, at: usize, contents: &Contents, known: &Known) -> Option<Operation> {
        let begun = self.clients[at].begun;
        let mut chance = Chance::of(&[self.seed, 37, at as u64, begun]);
        if !self.unusual || !chance.happens(UNUSUAL_OPERATIONS) {
            return None;
        }
        let target = known.target.clone();
        let key = self.keys.iter().rev().find(|(tenant, ..)| *tenant == self.clients[at].tenant);
        Some(match chance.below(10) {
            0..3 => {
                let named = chance.happens(3_000).then_some(target);
                Operation::Redrive { target: named, dry_run: chance.happens(3_000) }
            }
            3 => {
                let version = known.version.saturating_sub(chance.below(2));
                Operation::Delete { target, if_match: Some(version) }
            }
            4..7 => {
                let content = known.content.clone()?;
                contents.remember(&content);
                Operation::Replace { target, content, key: None, if_match: None }
            }
            7 => {
                let (_, key, number, collection) = key?;
                let other = if collection.as_str() == "second" { "default" } else { "second" };
                let collection = CollectionName::new(other).unwrap_or_default();
                let content = self.content(*number, contents);
                Operation::Upload { content, key: Some(key.clone()), collection, named_tenant: None }
            }
            _ => {
                // One key, and two documents to replace.
                let content = self.content(0, contents);
                Operation::Replace { target, content, key: Some("replace-any".into()), if_match: None }
            }
        })
    }

    /// Stops or replaces a document while its worker stands still, mostly.
    fn overtaking(&self, at: usize, contents: &Contents, stalled: &DocumentKey) -> Option<Operation> {
        let begun = self.clients[at].begun;
        let mut chance = Chance::of(&[self.seed, 34, at as u64, begun]);
        let target = &self.known.iter().find(|known| known.target.key() == *stalled)?.target;
        let mine = target.owner == self.tenants[self.clients[at].tenant].0;
        if !mine || !chance.happens(9_000) {
            return None;
        }
        let target = target.clone();
        Some(match self.mood {
            Mood::Replacing => {
                let key = chance.happens(7_000).then(|| format!("replace-{at}-{begun}"));
                let content = self.content(chance.below(CONTENTS), contents);
                Operation::Replace { target, content, key, if_match: None }
            }
            Mood::Even | Mood::Stopping => Operation::Cancel { target },
        })
    }

    /// A document that the client's tenant knows of; now and then one of another tenant.
    fn pick(&self, at: usize, chance: &mut Chance) -> Option<&Known> {
        let mine = &self.tenants[self.clients[at].tenant].0;
        let foreign = chance.happens(600);
        let candidates: Vec<&Known> =
            self.known.iter().filter(|known| (known.target.owner == *mine) != foreign).collect();
        if candidates.is_empty() {
            return None;
        }
        let crowded = self.mood != Mood::Even && chance.happens(7_000);
        if crowded { candidates.first().copied() } else { Some(*chance.one_of::<&Known>(&candidates)) }
    }

    fn upload(&mut self, at: usize, contents: &Contents, chance: &mut Chance) -> Operation {
        let number = chance.below(CONTENTS);
        let collection = collection(chance);
        let key = chance.happens(6_000).then(|| format!("upload-{at}-{}", self.clients[at].begun));
        if let Some(key) = &key {
            self.keys.push((self.clients[at].tenant, key.clone(), number, collection.clone()));
        }
        let other = 1 - self.clients[at].tenant;
        let named_tenant = chance.happens(3_000).then(|| self.tenants[other].0.clone());
        Operation::Upload { content: self.content(number, contents), key, collection, named_tenant }
    }

    /// An upload under a key that was used: of the same content, or of another.
    fn repeat(&mut self, at: usize, contents: &Contents, chance: &mut Chance) -> Operation {
        let mine: Vec<_> =
            self.keys.iter().filter(|(tenant, ..)| *tenant == self.clients[at].tenant).cloned().collect();
        if mine.is_empty() {
            return self.upload(at, contents, chance);
        }
        let (_, key, number, collection) = chance.one_of(&mine).clone();
        let number = if chance.happens(5_000) { number } else { (number + 1) % CONTENTS };
        let content = self.content(number, contents);
        Operation::Upload { content, key: Some(key), collection, named_tenant: None }
    }

    fn content(&self, number: u64, contents: &Contents) -> Content {
        let content = Content::of(self.seed, number);
        contents.remember(&content);
        content
    }
}

fn collection(chance: &mut Chance) -> CollectionName {
    if chance.happens(1_500) {
        CollectionName::new("second").unwrap_or_default()
    } else {
        CollectionName::default()
    }
}
