//! Requests while no job can be sent: what they ask for is in the history, so they are answered as ever. That the sweeper sends
//! what is owed is shown in `tests/handlers`.

use std::sync::Arc;

use axum::Router;
use millrace_api::{AlwaysTenant, ApiContext, ApiPorts, router};
use millrace_domain::{QueueName, Status, TenantId};
use millrace_test_support::{Fault, FaultPlan, FaultyJobQueue};

use crate::server::{Server, ask, bounds};

/// The server behind a queue that takes nothing at the next call.
struct QueueAway {
    server: Server,
    router: Router,
    plan: Arc<FaultPlan>,
}

impl QueueAway {
    async fn start() -> Self {
        let server = Server::start().await;
        let plan = Arc::new(FaultPlan::new());
        let queue = Arc::new(FaultyJobQueue::new(server.ports.queue.clone(), Arc::clone(&plan)));
        let ports = ApiPorts { queue, ..server.ports.clone() };
        let tenant = Arc::new(AlwaysTenant::new(TenantId::local_default()));
        Self { router: router(ApiContext::new(ports, tenant, bounds())), server, plan }
    }

    /// Asks while the queue is away; the answer must be 202 all the same. Gives the document's id.
    async fn accepted(&self, method: &str, path: &str, idempotency_key: &str) -> String {
        self.plan.arm_next("job_queue.send", Fault::FailBefore);
        let ask = ask(method, path).with("x-filename", "a.txt").with("idempotency-key", idempotency_key);
        let reply = ask.body(format!("content of {idempotency_key}")).of(&self.router).await;
        assert_eq!(reply.status, 202, "{method} {path}: {reply:?}");
        assert_eq!(self.plan.fired().len(), 1, "{method} {path} sent nothing");
        reply.json()["document_id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn whatever_is_in_the_history_is_accepted_though_no_job_can_be_sent() {
    let away = QueueAway::start().await;
    let id = away.accepted("POST", "/v1/documents", "first").await;
    assert_eq!(away.accepted("POST", "/v1/documents", "first").await, id, "and so is its repetition");
    assert_eq!(away.server.document(&id).await.status, Status::Processing);
    let path = format!("/v1/documents/{id}");
    away.accepted("PUT", &path, "second").await;
    away.accepted("POST", &format!("{path}/cancel"), "cancel").await;
    assert_eq!(away.server.document(&id).await.status, Status::Cancelled);
    let failed = away.accepted("POST", "/v1/documents", "third").await;
    away.server.fail(&failed).await;
    away.accepted("POST", &format!("/v1/documents/{failed}/retry"), "retry").await;
    assert_eq!(away.server.document(&failed).await.status, Status::Processing);
    away.accepted("DELETE", &path, "delete").await;
    assert_eq!(away.server.document(&id).await.status, Status::Deleting);
    assert_eq!(away.server.waiting(QueueName::Ingest).await, 0);
    assert_eq!(away.server.waiting(QueueName::Purge).await, 0);
}
