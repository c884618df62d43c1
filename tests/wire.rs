//! The wire through real sockets, and on a stopped clock.

mod wire {
    mod answers;
    mod clocks;
    mod connecting;
    mod failures;
    mod http2;
    mod proxies;
    mod support;
    mod tls;
}
