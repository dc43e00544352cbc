//! What time it is, for names and for what is decided by age.

use jiff::Timestamp;

/// Now.
///
/// Builds with debug assertions can be told another time, so that tests live through weeks; what
/// is released has no such code. Signatures, certificates and pauses keep the real time anyway.
pub fn now() -> Timestamp {
    #[cfg(debug_assertions)]
    if let Some(told) = told() {
        return told;
    }
    Timestamp::now()
}

#[cfg(debug_assertions)]
fn told() -> Option<Timestamp> {
    std::env::var("ETCDBACKUP_TEST_CLOCK").ok()?.parse().ok()
}
