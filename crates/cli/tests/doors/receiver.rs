//! A receiver of what the service sends out, for one test: it reads HTTP/1.1 off a socket, with no code of ours.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// Names in small letters.
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    /// The only header of this name.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let value = values.next().unwrap_or_else(|| panic!("no {name} in {self:#?}"));
        assert_eq!(values.next(), None, "{name} is there twice");
        value
    }
}

/// Receives on a thread of its own, which ends with the process.
pub(crate) struct Receiver {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// Answers each request with the status that `answer` gives.
    pub(crate) fn start(mut answer: impl FnMut(&Received) -> u16 + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read(&stream);
                let status = answer(&request);
                kept.lock().unwrap().push(request);
                // Whoever sent it may have gone; what it makes of that, the test sees.
                let _ = write!(stream, "HTTP/1.1 {status} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
        });
        Self { url, received }
    }

    /// Whoever is at `url`, where nothing is received.
    pub(crate) fn unanswered(url: &str) -> Self {
        Self { url: url.to_owned(), received: Arc::default() }
    }

    /// Everything that came until now.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Received {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |line: &String| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    let headers: Vec<(String, String)> = lines.iter().skip(1).filter_map(header).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let method = lines[0].split(' ').next().unwrap().to_owned();
    Received { method, headers, body: String::from_utf8(body).unwrap() }
}
