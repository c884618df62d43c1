//! One measured connection: resolve, connect, TLS, each timed, and a socket that stamps its writes and reads.
