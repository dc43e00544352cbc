//! (backup)
