//! The request decoder: any bytes are refused, or decode to a request that encodes to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use myagent::message::Request;

fuzz_target!(|message: &[u8]| {
    if let Ok(request) = Request::decode(message) {
        let mut again = Vec::new();
        request.encode(&mut again);
        assert_eq!(again, message);
    }
});
