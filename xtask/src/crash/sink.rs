//! Whom the service tells: takes every signed request, and says that it was delivered.

use anyhow::Result;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// A listener that lives as long as this program.
pub struct Sink;

impl Sink {
    /// Its address.
    pub fn open() -> Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who is killed in the middle of a message sends it again.
                thread::spawn(move || drop(take(stream)));
            }
        });
        Ok(address)
    }
}

fn take(stream: TcpStream) -> Result<()> {
    let (mut write, mut read) = (stream.try_clone()?, BufReader::new(stream));
    loop {
        let (mut line, mut len) = (String::new(), 0_u64);
        while read.read_line(&mut line)? > 0 && line.trim_end() != "" {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                len = value.trim().parse()?;
            }
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        std::io::copy(&mut read.by_ref().take(len), &mut std::io::sink())?;
        write.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    }
}
