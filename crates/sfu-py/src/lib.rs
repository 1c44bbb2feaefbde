//! The Python extension module `tertulia.sfu._sfu`.
