//! An upstream of WebSockets (RFC 6455), for clients of a few lines and for browsers: says back whatever it is told.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use super::{Head, Peer, one};

/// The key of a handshake, and what answers it (RFC 6455 section 1.3).
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// See [`KEY`].
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// `Hello`, masked as a client sends it (RFC 6455 section 5.7).
pub const HELLO: [u8; 11] = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// `Hello`, as a server sends it.
pub const HELLO_BACK: [u8; 7] = [0x81, 0x05, b'H', b'e', b'l', b'l', b'o'];

/// Takes every WebSocket that has a key, as servers of HTTP/1.1 do (RFC 6455 section 4.2.1), and sends each message back, up to the one that closes it.
pub fn websocket() -> Peer {
    Peer::speaking_h1(|head, mut stream| {
        // A client that leaves without a word ends a test as well as one that says so.
        let _ = talk(head, &mut stream);
    })
}

fn talk(head: &Head, stream: &mut TcpStream) -> io::Result<()> {
    let key = one(head, "sec-websocket-key").filter(|_| one(head, "upgrade") == Some("websocket"));
    let Some(key) = key else {
        return stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    };
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {}\r\n\r\n",
        accept(key)
    )?;
    loop {
        let (kind, message) = read_frame(stream)?;
        let length = u8::try_from(message.len()).expect("it was short");
        stream.write_all(&[&[kind, length], &message[..]].concat())?;
        if kind == CLOSE {
            return Ok(());
        }
    }
}

/// The last frame of a connection (RFC 6455 section 5.5.1), and whole.
const CLOSE: u8 = 0x88;

/// The first byte of a frame and what it holds: a short one, masked as a client must (RFC 6455 section 5.2).
fn read_frame(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    let length = head[1].checked_sub(0x80).filter(|length| *length < 126);
    let length = length.unwrap_or_else(|| panic!("a short and masked frame: {head:?}"));
    let mut mask = [0; 4];
    stream.read_exact(&mut mask)?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message)?;
    for (byte, key) in message.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= key;
    }
    Ok((head[0], message))
}

/// What a browser must find in the answer to its key (RFC 6455 section 4.2.2).
fn accept(key: &str) -> String {
    STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")))
}

#[cfg(test)]
mod tests {
    use super::{ACCEPT, KEY, accept};

    #[test]
    fn the_key_of_the_standard_is_answered_as_the_standard_says() {
        assert_eq!(accept(KEY), ACCEPT);
    }
}
