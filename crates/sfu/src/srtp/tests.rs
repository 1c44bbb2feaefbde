//! Vectors of the RFCs.

use super::Sender;
