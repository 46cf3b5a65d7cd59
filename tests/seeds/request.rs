//! The request decoder: any bytes are refused, or decode to a request that encodes to the same bytes.

use myagent::message::Request;

/// Panics where something does not hold.
pub(crate) fn check(message: &[u8]) {
    if let Ok(request) = Request::decode(message) {
        let mut again = Vec::new();
        request.encode(&mut again);
        assert_eq!(again, message);
    }
}
