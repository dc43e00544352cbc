//! Credentials: the AWS chain (environment, profile, web identity, container, instance
//! metadata last and briefly), asked once before any work so that a missing key is known
//! at the start.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::imds;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials as Keys;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use super::explain;
use super::transport::Transport;
use super::trouble::{Kind, Trouble};
use crate::failure::{Exit, Failure};
use crate::store::{Credentials, StoreOptions};

/// How long a provider may take: a helper program may ask a person.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Finds credentials, or says why there are none.
pub(super) async fn find(
    options: &StoreOptions,
    region: &Region,
    transport: &Transport,
) -> Result<SharedCredentialsProvider, Failure> {
    if let Some(given) = &options.s3_credentials {
        return Ok(SharedCredentialsProvider::new(keys(given)));
    }
    let config = ProviderConfig::without_region()
        .with_region(Some(region.clone()))
        .with_http_client(transport.client());
    let direct = ProviderConfig::without_region().with_http_client(transport.direct_client());
    let limit = options.timeouts.instance_metadata;
    let metadata = imds::Client::builder()
        .configure(&direct)
        .connect_timeout(limit)
        .read_timeout(limit)
        .operation_attempt_timeout(limit)
        .operation_timeout(limit)
        .max_attempts(1)
        .build();
    let mut chain = DefaultCredentialsChain::builder()
        .region(region.clone())
        .imds_client(metadata);
    if let Some(profile) = &options.s3_profile {
        chain = chain.profile_name(profile);
    }
    let chain = SharedCredentialsProvider::new(chain.configure(config).build().await);
    let asked = tokio::time::timeout(PATIENCE, chain.provide_credentials()).await;
    match asked.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(PATIENCE))) {
        Ok(first) => Ok(SharedCredentialsProvider::new(Primed {
            first: Mutex::new(Some(first)),
            chain,
        })),
        Err(error) => Err(failure(&error)),
    }
}

fn failure(error: &CredentialsError) -> Failure {
    let trouble = Trouble::of_credentials(error);
    match (trouble.kind, error) {
        (Kind::NoCredentials, _) => {
            Failure::new(Exit::Config, "no S3 credentials were found").hint(explain::NO_CREDENTIALS)
        }
        (_, CredentialsError::InvalidConfiguration(_)) => Failure::new(
            Exit::Config,
            format!("the AWS configuration is wrong: {trouble}"),
        )
        .hint("check the profile (`--s3-profile`, AWS_PROFILE) and the files in ~/.aws"),
        (_, CredentialsError::ProviderTimedOut(_)) => Failure::new(
            Exit::Unreachable,
            format!("S3 credentials did not come in time: {trouble}"),
        )
        .hint("try `aws sts get-caller-identity` with the same profile and environment"),
        _ => Failure::new(
            Exit::NotPermitted,
            format!("S3 credentials could not be had: {trouble}"),
        )
        .hint("try `aws sts get-caller-identity` with the same profile and environment"),
    }
    .source(trouble)
}

fn keys(given: &Credentials) -> Keys {
    let Credentials {
        access_key_id,
        secret_access_key,
        session_token,
    } = given;
    Keys::new(
        access_key_id,
        secret_access_key,
        session_token.clone(),
        None,
        "given",
    )
}

/// The chain with its first answer kept: a helper program is not started twice.
struct Primed {
    first: Mutex<Option<Keys>>,
    chain: SharedCredentialsProvider,
}

impl fmt::Debug for Primed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Primed(hidden)")
    }
}

impl ProvideCredentials for Primed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        match self
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            Some(first) => future::ProvideCredentials::ready(Ok(first)),
            None => self.chain.provide_credentials(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_by_cause() {
        let table = [
            (CredentialsError::not_loaded("nothing is set"), Exit::Config),
            (
                CredentialsError::invalid_configuration("profile `x` is not defined"),
                Exit::Config,
            ),
            (
                CredentialsError::provider_timed_out(PATIENCE),
                Exit::Unreachable,
            ),
            (
                CredentialsError::provider_error("denied"),
                Exit::NotPermitted,
            ),
        ];
        for (error, exit) in table {
            let failure = failure(&error);
            assert_eq!(failure.exit, exit, "{error}");
            assert!(failure.hint.is_some());
        }
    }

    #[test]
    fn what_a_helper_program_printed_is_not_repeated() {
        let error = CredentialsError::provider_error(
            "external process exited with code 1. Stderr: planted",
        );
        let failure = failure(&error);
        assert!(!format!("{failure:?}").contains("planted"));
        assert!(
            failure.what.contains("exited with code 1"),
            "{}",
            failure.what
        );
    }
}
