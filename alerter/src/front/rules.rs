use cortex_proto::v1::{self, delete_rule_request, rule_service_server::RuleService, upsert_rule_request};
use tonic::{Request, Response, Status};

use super::{Front, cameras::write};

#[tonic::async_trait]
impl RuleService for Front {
    async fn list(
        &self,
        _request: Request<v1::ListRulesRequest>,
    ) -> Result<Response<v1::ListRulesResponse>, Status> {
        let tables = self.control.tables();
        let (zones, rules) = (tables.zones.into_values().collect(), tables.rules.into_values().collect());
        Ok(Response::new(v1::ListRulesResponse { zones, rules }))
    }

    async fn upsert(
        &self,
        request: Request<v1::UpsertRuleRequest>,
    ) -> Result<Response<v1::UpsertRuleResponse>, Status> {
        let entry = &request.get_ref().entry;
        let (object, kind) = match entry {
            Some(upsert_rule_request::Entry::Zone(zone)) => (format!("{}/{}", zone.camera, zone.id), "zone"),
            Some(upsert_rule_request::Entry::Rule(rule)) => (rule.id.clone(), "rule"),
            None => return Err(Status::invalid_argument("entry: a zone or a rule is missing")),
        };
        self.access.audited(&request, "upsert", &object, kind).await?;
        let control = self.control.clone();
        let version = match request.into_inner().entry {
            Some(upsert_rule_request::Entry::Zone(zone)) => write(move || control.upsert_zone(zone)).await?,
            Some(upsert_rule_request::Entry::Rule(rule)) => write(move || control.upsert_rule(rule)).await?,
            None => return Err(Status::invalid_argument("entry: a zone or a rule is missing")),
        };
        Ok(Response::new(v1::UpsertRuleResponse { version }))
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteRuleRequest>,
    ) -> Result<Response<v1::DeleteRuleResponse>, Status> {
        let (object, kind) = match &request.get_ref().entry {
            Some(delete_rule_request::Entry::Zone(id)) => (format!("{}/{}", id.camera, id.id), "zone"),
            Some(delete_rule_request::Entry::Rule(id)) => (id.clone(), "rule"),
            None => return Err(Status::invalid_argument("entry: a zone or a rule is missing")),
        };
        self.access.audited(&request, "delete", &object, kind).await?;
        let control = self.control.clone();
        match request.into_inner().entry {
            Some(delete_rule_request::Entry::Zone(id)) => write(move || control.delete_zone(&id)).await?,
            Some(delete_rule_request::Entry::Rule(id)) => write(move || control.delete_rule(&id)).await?,
            None => return Err(Status::invalid_argument("entry: a zone or a rule is missing")),
        }
        Ok(Response::new(v1::DeleteRuleResponse {}))
    }
}
