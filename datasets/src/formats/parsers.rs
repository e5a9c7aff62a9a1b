//! Every parser by name, for the property tests and the fuzzer: to add one is a line here and a function with its seeds.

use std::io::{Cursor, Read};

use super::archive::Limits;

/// A parser of bytes from files, with what its tests need.
#[derive(Debug, Clone, Copy)]
pub struct Parser {
    /// Name on the command line of the fuzzer.
    pub name: &'static str,
    /// Reads one input; an error is a message.
    pub parse: fn(&[u8]) -> Result<(), String>,
    /// Valid inputs to be altered.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Most memory it may take, as a multiple of the size of the input.
    pub memory_factor: u64,
    /// And this many bytes beyond that.
    pub memory_slack: u64,
}

/// Every parser of the crate.
pub fn parsers() -> Vec<Parser> {
    let parser =
        |name, parse, seeds, memory_factor, memory_slack| Parser { name, parse, seeds, memory_factor, memory_slack };
    vec![
        parser("idx", |bytes| done(super::idx::parse(bytes)), seeds::idx, 1, 4 << 10),
        parser("gz", |bytes| done(super::gz::unpack(bytes, UNPACKED)), seeds::gz, 2_100, 256 << 10),
        parser("tar", |bytes| done(super::tar::read(bytes, LIMITS, &mut drain)), seeds::tar, 8, 8 << 20),
        parser("tar.gz", |bytes| done(super::tar::read_gz(bytes, LIMITS, &mut drain)), seeds::tar_gz, 2_100, 8 << 20),
        parser(
            "zip",
            |bytes| done(super::zip::read(Cursor::new(bytes), LIMITS, &mut drain)),
            seeds::zip,
            1_024,
            16 << 20,
        ),
    ]
}

const UNPACKED: u64 = 64 << 20;
const LIMITS: Limits = Limits { bytes: UNPACKED, members: 10_000, file: UNPACKED };

fn done<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<(), String> {
    outcome.map(drop).map_err(|error| error.to_string())
}

fn drain(member: super::archive::Member<'_>) -> std::io::Result<()> {
    std::io::copy(&mut member.contents.take(u64::MAX), &mut std::io::sink()).map(drop)
}

/// Small valid files. What cannot be built (which does not happen) is left out, and a test counts the seeds.
mod seeds {
    use std::io::{Cursor, Write};

    use flate2::{Compression, write::GzEncoder};

    pub(super) fn idx() -> Vec<Vec<u8>> {
        vec![
            vec![0, 0, 8, 1, 0, 0, 0, 4, 7, 2, 1, 0],
            [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4][..], &[9; 24]].concat(),
            vec![0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 5],
        ]
    }

    fn packed(bytes: &[u8]) -> Option<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).ok()?;
        encoder.finish().ok()
    }

    pub(super) fn gz() -> Vec<Vec<u8>> {
        let text = b"[MAX 2 9 [MIN 4 7 ] 0 ]\n".repeat(20);
        [packed(&text), packed(b""), packed(&[0; 50_000])].into_iter().flatten().collect()
    }

    fn archive() -> Option<Vec<u8>> {
        let mut builder = tar::Builder::new(Vec::new());
        let long = format!("{}/{}", "folder".repeat(20), "name".repeat(20));
        for (name, contents) in [("top/a.txt", &b"some text"[..]), ("./top/b/c", &[0; 1_000]), (&long, b"x")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(contents.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, contents).ok()?;
        }
        builder.append_pax_extensions([("size", &b"3"[..]), ("path", b"pax")]).ok()?;
        let mut header = tar::Header::new_ustar();
        header.set_path("other").ok()?;
        header.set_size(3);
        header.set_cksum();
        builder.append(&header, &b"abc"[..]).ok()?;
        builder.into_inner().ok()
    }

    pub(super) fn tar() -> Vec<Vec<u8>> {
        archive().into_iter().collect()
    }

    pub(super) fn tar_gz() -> Vec<Vec<u8>> {
        archive().as_deref().and_then(packed).into_iter().collect()
    }

    pub(super) fn zip() -> Vec<Vec<u8>> {
        let build = |method| {
            let options = zip::write::SimpleFileOptions::default().compression_method(method);
            let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
            writer.add_directory("folder/", options).ok()?;
            for (name, contents) in [("folder/a.ts", &b"@data\n1,2:3,4:a\n"[..]), ("b", &[0; 2_000])] {
                writer.start_file(name, options).ok()?;
                writer.write_all(contents).ok()?;
            }
            writer.finish().ok().map(Cursor::into_inner)
        };
        [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated].into_iter().filter_map(build).collect()
    }
}
