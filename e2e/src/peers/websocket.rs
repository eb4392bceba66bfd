//! An upstream of WebSockets (RFC 6455), for clients of a few lines and for browsers: says back whatever it is told.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

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
    STANDARD.encode(sha1(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes()))
}

/// SHA-1 (RFC 3174), which nothing but this handshake needs.
fn sha1(text: &[u8]) -> Vec<u8> {
    let mut padded = text.to_vec();
    padded.push(0x80);
    padded.resize((padded.len() + 8).next_multiple_of(64) - 8, 0);
    padded.extend((text.len() as u64 * 8).to_be_bytes());
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.chunks(64) {
        let mut words: Vec<_> = block
            .chunks(4)
            .map(|word| word.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
            .collect();
        for t in 16..80 {
            let word = words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16];
            words.push(word.rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (t, word) in words.into_iter().enumerate() {
            let (f, k) = match t {
                0..20 => (b & c | !b & d, 0x5a82_7999),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => (b & c | b & d | c & d, 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = [a.rotate_left(5), f, e, word, k].into_iter().fold(0, u32::wrapping_add);
            (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
        }
        for (sum, word) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(word);
        }
    }
    state.into_iter().flat_map(u32::to_be_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::{ACCEPT, KEY, accept};

    #[test]
    fn the_key_of_the_standard_is_answered_as_the_standard_says() {
        assert_eq!(accept(KEY), ACCEPT);
    }
}
