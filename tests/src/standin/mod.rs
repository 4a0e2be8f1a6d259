//! The facilitator stand-in: as strict as OKX and the token, and as unreliable as a test asks for.

pub mod chain;
