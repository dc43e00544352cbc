//! What goes wrong with a request.

/// What a request meets instead of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This status, with a `Status` as the API server writes it.
    Status(u16),
    /// `/readyz` names these checks as failing, with status 500.
    NotReady(Vec<String>),
    /// No answer, for ever.
    Hang,
    /// Status 410, for the next pages of lists only: etcd compacted their revision.
    Expire,
    /// An answer that is cut off and no JSON.
    Garbage,
    /// A log or watch that ends after its first line.
    Cut,
}

/// A fault, and what meets it.
#[derive(Debug, Clone)]
struct Planned {
    server: Option<usize>,
    path: String,
    fault: Fault,
    left: Option<usize>,
}

/// All faults that were planned.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Planned>);

impl Faults {
    pub(crate) fn plan(
        &mut self,
        server: Option<usize>,
        path: &str,
        fault: Fault,
        times: Option<usize>,
    ) {
        self.0.push(Planned {
            server,
            path: path.to_owned(),
            fault,
            left: times,
        });
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What a request for this path meets at this server; `next_page`: it goes on with a list.
    pub(crate) fn met(&mut self, server: usize, path: &str, next_page: bool) -> Option<Fault> {
        let met = self.0.iter_mut().find(|planned| {
            planned.server.is_none_or(|one| one == server)
                && path.starts_with(&planned.path)
                && planned.left != Some(0)
                && (planned.fault != Fault::Expire || next_page)
        })?;
        met.left = met.left.map(|left| left - 1);
        Some(met.fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_met_where_and_as_often_as_planned() {
        let mut faults = Faults::default();
        faults.plan(Some(1), "/api/v1/pods", Fault::Status(500), Some(1));
        assert_eq!(faults.met(0, "/api/v1/pods", false), None);
        assert_eq!(faults.met(1, "/api/v1/nodes", false), None);
        let met = faults.met(1, "/api/v1/pods", false);
        assert_eq!(met, Some(Fault::Status(500)));
        assert_eq!(faults.met(1, "/api/v1/pods", false), None);
        faults.plan(None, "/", Fault::Expire, None);
        assert_eq!(faults.met(0, "/api/v1/pods", false), None);
        assert_eq!(faults.met(0, "/api/v1/pods", true), Some(Fault::Expire));
    }
}
