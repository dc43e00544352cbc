//! One-to-many: messages that say which node they are from, merged as apid merges them.

use etcdbackup_proto::{common, google, machine};
use futures::stream::StreamExt as _;
use tonic::{Code, Status};

use crate::routing::{Answers, Messages};

/// A status code as Go writes it.
fn in_go(code: Code) -> String {
    match code {
        Code::Ok => "OK".to_owned(),
        Code::Cancelled => "Canceled".to_owned(),
        code => format!("{code:?}"),
    }
}

/// A message that can say which node it is from.
pub(crate) trait Labelled: Default + Send + 'static {
    fn metadata(&mut self) -> &mut Option<common::Metadata>;

    /// The message that stands for a node's failure.
    fn failure(target: &str, status: &Status) -> Self {
        let code = in_go(status.code());
        let mut message = Self::default();
        *message.metadata() = Some(common::Metadata {
            hostname: target.to_owned(),
            error: format!("rpc error: code = {code} desc = {}", status.message()),
            status: Some(google::rpc::Status {
                code: status.code() as i32,
                message: status.message().to_owned(),
                details: Vec::new(),
            }),
        });
        message
    }

    fn label(mut self, target: &str) -> Self {
        let metadata = common::Metadata {
            hostname: target.to_owned(),
            ..common::Metadata::default()
        };
        self.metadata().get_or_insert(metadata);
        self
    }
}

/// A unary answer: one repeated field of labelled messages.
pub(crate) trait Wrapper: Default + Send + 'static {
    type Message: Labelled;
    fn messages(&mut self) -> &mut Vec<Self::Message>;
}

macro_rules! wrappers {
    ($($wrapper:ident of $message:ident),* $(,)?) => {$(
        impl Labelled for machine::$message {
            fn metadata(&mut self) -> &mut Option<common::Metadata> {
                &mut self.metadata
            }
        }
        impl Wrapper for machine::$wrapper {
            type Message = machine::$message;
            fn messages(&mut self) -> &mut Vec<Self::Message> {
                &mut self.messages
            }
        }
    )*};
}

wrappers! {
    ApplyConfigurationResponse of ApplyConfiguration,
    BootstrapResponse of Bootstrap,
    EtcdAlarmDisarmResponse of EtcdAlarmDisarm,
    EtcdAlarmListResponse of EtcdAlarm,
    EtcdDefragmentResponse of EtcdDefragment,
    EtcdForfeitLeadershipResponse of EtcdForfeitLeadership,
    EtcdLeaveClusterResponse of EtcdLeaveCluster,
    EtcdMemberListResponse of EtcdMembers,
    EtcdRecoverResponse of EtcdRecover,
    EtcdRemoveMemberByIdResponse of EtcdRemoveMemberById,
    EtcdStatusResponse of EtcdStatus,
    GenerateClientConfigurationResponse of GenerateClientConfiguration,
    MountsResponse of Mounts,
    RebootResponse of Reboot,
    ResetResponse of Reset,
    ServiceListResponse of ServiceList,
    ServiceRestartResponse of ServiceRestart,
    VersionResponse of Version,
}

macro_rules! streamed {
    ($($message:path),* $(,)?) => {$(
        impl Labelled for $message {
            fn metadata(&mut self) -> &mut Option<common::Metadata> {
                &mut self.metadata
            }
        }
    )*};
}

streamed!(
    common::Data,
    machine::Event,
    machine::DiskUsageInfo,
    machine::FileInfo
);

/// Answers in the order in which they come; a failed node is a message that says so.
pub(crate) async fn merge<A: Wrapper>(mut answers: Answers<A>) -> A {
    let mut merged = A::default();
    while let Some((target, answer)) = answers.next().await {
        match answer {
            Ok(mut answer) => {
                let labelled = answer
                    .messages()
                    .drain(..)
                    .map(|message| message.label(&target));
                merged.messages().extend(labelled);
            }
            Err(status) => merged
                .messages()
                .push(A::Message::failure(&target, &status)),
        }
    }
    merged
}

/// One node's messages among those of others: labelled, and ending with success whatever happens.
pub(crate) fn labelled<T: Labelled>(
    target: String,
    messages: Result<Messages<T>, Status>,
) -> Messages<T> {
    match messages {
        Ok(messages) => Box::pin(messages.map(move |message| match message {
            Ok(message) => Ok(message.label(&target)),
            Err(status) => Ok(T::failure(&target, &status)),
        })),
        Err(status) => {
            let failure = T::failure(&target, &status);
            Box::pin(futures::stream::once(async { Ok(failure) }))
        }
    }
}
