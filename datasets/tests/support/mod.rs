//! Archives that tests make, and servers on the loopback interface that hand them out.

#![allow(dead_code, reason = "every test program uses a part of this")]

use std::{
    fs,
    io::{BufRead, BufReader, Cursor, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
};

use flate2::{Compression, write::GzEncoder};
use tar::{Builder, EntryType, Header};
use zip::{ZipWriter, write::SimpleFileOptions};

/// A tar archive packed by gzip.
pub fn tar_gz(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::none()));
    for (name, contents) in members {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(EntryType::Regular);
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *contents).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// A zip archive.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, contents) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(contents).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Writes `bytes` to `path`, with the folders above it.
pub fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The names in `folder` and all folders below it, without hidden ones.
pub fn tree(folder: &Path) -> Vec<String> {
    let mut names = vec![];
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.extend(tree(&path));
        } else {
            names.push(path.display().to_string());
        }
    }
    names.sort();
    names
}

/// What a test server was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    pub path: String,
    pub range: Option<u64>,
    pub if_range: Option<String>,
}

/// What it answers: the whole of an HTTP message, and how much of it is sent before the connection breaks.
pub struct Reply {
    pub head: String,
    pub body: Vec<u8>,
    pub sent: usize,
}

impl Reply {
    pub fn new(status: &str, headers: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        Self { head, body: body.to_vec(), sent: usize::MAX }
    }

    /// Breaks off after `sent` bytes.
    pub fn cut(self, sent: usize) -> Self {
        Self { sent, ..self }
    }

    pub fn missing() -> Self {
        Self::new("404 Not Found", "", b"no")
    }
}

/// A server whose answers `answer` gives; every request is kept.
pub fn serve(mut answer: impl FnMut(&Request) -> Reply + Send + 'static) -> (String, Arc<Mutex<Vec<Request>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(vec![]));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = read(&stream);
            let reply = answer(&request);
            log.lock().unwrap().push(request);
            let _ = stream.write_all(reply.head.as_bytes());
            let _ = stream.write_all(&reply.body[..reply.sent.min(reply.body.len())]);
        }
    });
    (address, asked)
}

fn read(stream: &TcpStream) -> Request {
    let mut request = Request::default();
    for (number, line) in BufReader::new(stream.try_clone().unwrap()).lines().enumerate() {
        let line = line.unwrap_or_default();
        let (name, value) = line.split_once(": ").unwrap_or_default();
        match name.to_lowercase().as_str() {
            "range" => request.range = value.trim_start_matches("bytes=").trim_end_matches('-').parse().ok(),
            "if-range" => request.if_range = Some(value.to_owned()),
            _ if number == 0 => request.path = line.split(' ').nth(1).unwrap_or_default().to_owned(),
            _ => {}
        }
        if line.is_empty() {
            break;
        }
    }
    request
}
