//! What is asked: a head that many requests share, and a body of each one's own.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use hyper::{Method, Uri};

/// The head of requests that differ in nothing but their bodies: written for HTTP/1.1 once.
pub struct Head {
    /// Request line and fields, each line with its end; the length of the body is still to come.
    pub(super) written: Box<[u8]>,
    pub(super) target: Uri,
    pub(super) fields: HeaderMap,
}

impl Head {
    /// A POST to `target`: a path for HTTP/1.1, a whole URL for HTTP/2. How long a body is, and how it is framed, is not
    /// for `fields` to say: what they say of it is left out.
    pub fn post(target: Uri, mut fields: HeaderMap) -> Head {
        fields.remove(CONTENT_LENGTH);
        fields.remove(TRANSFER_ENCODING);
        let path = target.path_and_query().map_or("/", |path| path.as_str());
        let mut written = format!("POST {path} HTTP/1.1\r\n").into_bytes();
        for (name, value) in &fields {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                written.extend_from_slice(part);
            }
        }
        Head { written: written.into(), target, fields }
    }
}

/// Fields may be secrets.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head").field("target", &self.target).finish_non_exhaustive()
    }
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) head: Arc<Head>,
    pub(super) body: Bytes,
}

impl Request {
    /// These bytes under that head.
    pub fn new(head: Arc<Head>, body: Bytes) -> Request {
        Request { head, body }
    }

    /// As hyper wants it.
    pub(super) fn for_hyper<B>(self, body: impl FnOnce(Bytes) -> B) -> hyper::Request<B> {
        let mut request = hyper::Request::new(body(self.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.head.target.clone();
        *request.headers_mut() = self.head.fields.clone();
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HOST, HeaderValue};

    #[test]
    fn a_head_is_written_once_and_says_nothing_of_the_body() {
        let mut fields = HeaderMap::new();
        fields.insert(HOST, HeaderValue::from_static("lamb.test"));
        fields.insert(CONTENT_LENGTH, HeaderValue::from_static("7"));
        fields.append("x-many", HeaderValue::from_static("1"));
        fields.append("x-many", HeaderValue::from_static("2"));
        let head = Head::post(Uri::from_static("http://lamb.test/v1/chat?a=b"), fields);
        let written = "POST /v1/chat?a=b HTTP/1.1\r\nhost: lamb.test\r\nx-many: 1\r\nx-many: 2\r\n";
        assert_eq!(String::from_utf8_lossy(&head.written), written);
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let mut fields = HeaderMap::new();
        fields.insert("authorization", HeaderValue::from_static("Bearer sk-secret"));
        let request = Request::new(Arc::new(Head::post(Uri::from_static("/"), fields)), Bytes::from_static(b"{}"));
        assert!(!format!("{request:?}").contains("secret"), "{request:?}");
    }
}
