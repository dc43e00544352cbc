//! (talos)
