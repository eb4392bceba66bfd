//! HTTP/1.1 (RFC 9112) by hand: any byte may be written, and only well-formed answers are read.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use super::{Answer, Request};
use crate::wait::LIMIT;

pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        Ok(Self { stream: BufReader::new(stream), address })
    }

    pub(super) fn send(&mut self, request: &Request) -> io::Result<Answer> {
        // Whoever answers before the whole body was read may close while it is still being written: what counts is the
        // answer, and where there is none, reading says so.
        let written = self.stream.get_mut().write_all(&head(request, self.address));
        let _ = written.and_then(|()| self.stream.get_mut().write_all(&request.body));
        read_answer(&mut self.stream, request.method == "HEAD")
    }
}

fn head(request: &Request, address: SocketAddr) -> Vec<u8> {
    let host = request.host.clone().unwrap_or_else(|| address.to_string());
    let mut head =
        format!("{} {} HTTP/1.1\r\nhost: {host}\r\n", request.method, request.target).into_bytes();
    for (name, value) in &request.headers {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    }
    if !request.body.is_empty() {
        head.extend_from_slice(format!("content-length: {}\r\n", request.body.len()).as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Writes `bytes` as they are on a new connection and reads one answer. `None`: the other side closed without one.
///
/// # Errors
/// What connecting may end with, and an answer that is not HTTP.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> io::Result<Option<Answer>> {
    let mut connection = Connection::open(address)?;
    let _ = connection.stream.get_mut().write_all(bytes);
    match read_answer(&mut connection.stream, bytes.starts_with(b"HEAD ")) {
        Ok(answer) => Ok(Some(answer)),
        Err(problem)
            if matches!(
                problem.kind(),
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
            ) =>
        {
            Ok(None)
        }
        Err(problem) => Err(problem),
    }
}

fn read_answer(stream: &mut impl BufRead, head_only: bool) -> io::Result<Answer> {
    let status_line = read_line(stream)?;
    let status = status_line
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| nonsense(&status_line))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| nonsense(&line))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer { status, headers, body: Vec::new() };
    if !head_only && status != 204 && status != 304 {
        answer.body = read_body(stream, &answer)?;
    }
    Ok(answer)
}

/// RFC 9112 section 6.3: chunks, else the length, else until the end of the connection.
fn read_body(stream: &mut impl BufRead, answer: &Answer) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if answer.header("transfer-encoding") == Some("chunked") {
        loop {
            let line = read_line(stream)?;
            let size = usize::from_str_radix(line.trim(), 16).map_err(|_| nonsense(&line))?;
            let start = body.len();
            body.resize(start + size, 0);
            stream.read_exact(&mut body[start..])?;
            read_line(stream)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    match answer.header("content-length").map(str::parse::<usize>) {
        Some(Ok(length)) => {
            body.resize(length, 0);
            stream.read_exact(&mut body)?;
        }
        Some(Err(_)) => return Err(nonsense("content-length")),
        None => {
            stream.read_to_end(&mut body)?;
        }
    }
    Ok(body)
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line)? == 0 {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the connection was closed instead of an answer",
        ));
    }
    let line =
        line.strip_suffix(b"\r\n").ok_or_else(|| nonsense(&String::from_utf8_lossy(&line)))?;
    Ok(String::from_utf8_lossy(line).into_owned())
}

fn nonsense(found: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("this is not HTTP/1.1: {found:?}"))
}
