//! The shard with clients that it did not write, on a simulated network.

mod addresses;
mod calls;
mod churn;
mod dialects;
mod fuzz;
mod hostile;
mod negotiation;
mod paths;
mod recording;
mod slots;
mod support;
mod tapping;
