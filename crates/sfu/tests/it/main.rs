//! The shard with clients that it did not write, on a simulated network.

mod addresses;
mod anew;
mod authentic;
mod bandwidth;
mod budgets;
mod calls;
mod churn;
mod costs;
mod dialects;
mod dtls;
mod fuzz;
mod hostile;
mod joining;
mod layers;
mod negotiation;
mod paths;
mod reading;
mod recording;
mod recycling;
mod red;
mod reduced_size;
mod slots;
mod sources;
mod support;
mod tapping;
