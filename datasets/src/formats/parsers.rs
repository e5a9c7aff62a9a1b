//! Every parser by name, for the property tests and the fuzzer: to add one is a line here and a function with its seeds.

use std::io::{Cursor, Read};

use crate::formats::archives::archive::{Limits, Member};
use crate::formats::archives::{gz, tar, zip};
use crate::formats::images::{cifar, cifar::Kind, idx, png, stl};
use crate::formats::tables::{npy_text, psv, ts, tsv};
use crate::formats::{mat, wav};

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
        parser("idx", |bytes| done(idx::parse(bytes)), seeds::idx, 1, 4 << 10),
        parser("gz", |bytes| done(gz::unpack(bytes, UNPACKED)), seeds::gz, 2_100, 256 << 10),
        parser("tar", |bytes| done(tar::read(bytes, LIMITS, &mut drain)), seeds::tar, 8, 8 << 20),
        parser("tar.gz", |bytes| done(tar::read_gz(bytes, LIMITS, &mut drain)), seeds::tar_gz, 2_100, 8 << 20),
        parser("zip", |bytes| done(zip::read(Cursor::new(bytes), LIMITS, &mut drain)), seeds::zip, 1_024, 16 << 20),
        parser("tsv", |bytes| done(tsv::parse(bytes, 2)), seeds::tsv, 128, SMALL),
        parser("npy_text", |bytes| done(npy_text::parse(bytes)), seeds::npy_text, 16, SMALL),
        parser("cifar10", |bytes| done(cifar::parse(bytes, Kind::Ten)), seeds::cifar10, 2, SMALL),
        parser("cifar100", |bytes| done(cifar::parse(bytes, Kind::Hundred)), seeds::cifar100, 2, SMALL),
        parser("stl_images", |bytes| done(stl::parse_images(bytes)), seeds::stl_images, 2, SMALL),
        parser("stl_labels", |bytes| done(stl::parse_labels(bytes)), seeds::stl_labels, 2, SMALL),
        parser("png", |bytes| done(png::parse_square(bytes, SIDE)), seeds::png, 0, PNG_MEMORY),
        parser("wav", |bytes| done(wav::parse(bytes)), seeds::wav, 1, SMALL),
        parser("ts", |bytes| done(ts::parse(bytes)), seeds::ts, 64, SMALL),
        parser("mat", |bytes| done(mat::parse(bytes)), seeds::mat, 48 * 64, 48 << 20),
        parser("psv", |bytes| done(psv::parse(bytes)), seeds::psv, 32, SMALL),
    ]
}

/// Room for a message and for the first few elements of a vector.
const SMALL: u64 = 8 << 10;
/// Side of the pictures, in pixels.
const SIDE: u32 = 16;
const PNG_MEMORY: u64 = (SIDE as u64).pow(2) * 16 + (1 << 20);

const UNPACKED: u64 = 64 << 20;
const LIMITS: Limits = Limits { bytes: UNPACKED, members: 10_000, file: UNPACKED };

fn done<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<(), String> {
    outcome.map(drop).map_err(|error| error.to_string())
}

fn drain(member: Member<'_>) -> std::io::Result<()> {
    std::io::copy(&mut member.contents.take(u64::MAX), &mut std::io::sink()).map(drop)
}

/// Small valid files. What cannot be built (which does not happen) is left out, and a test counts the seeds.
mod seeds {
    use std::io::{Cursor, Write};

    use flate2::{Compression, write::GzEncoder};
    use image::{ColorType, ImageEncoder, codecs::png::PngEncoder};

    use super::SIDE;
    use crate::formats::images::{cifar, stl};
    use crate::formats::wav;

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
        let padded = packed(&text).map(|one| [&one[..], &[0; 100], &one, b"\n"].concat());
        [packed(&text), packed(b""), packed(&[0; 50_000]), padded].into_iter().flatten().collect()
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

    pub(super) fn tsv() -> Vec<Vec<u8>> {
        vec![
            b"Source\tTarget\n( [MAX 2 7 ] )\t7\r\n\n( [MIN 2 7 ] )\t2".to_vec(),
            b"1.0\tb'\\xe9 a \"text\"'\n\t\n".to_vec(),
        ]
    }

    pub(super) fn npy_text() -> Vec<Vec<u8>> {
        let text = "imgs/0 sample_0.png 0 1 1.0 6 2 2 0.5 1 1\n\nimgs/12 sample_1.png 1 0.0 1.0 6 2 2 0.5 1 1\n";
        vec![text.as_bytes().to_vec()]
    }

    fn pixels(count: usize) -> impl Iterator<Item = u8> {
        (0..count).map(|place| (place % 251) as u8)
    }

    pub(super) fn cifar10() -> Vec<Vec<u8>> {
        let record = |label: u8| [label].into_iter().chain(pixels(cifar::PIXELS));
        vec![record(3).collect(), record(0).chain(record(9)).collect()]
    }

    pub(super) fn cifar100() -> Vec<Vec<u8>> {
        let record = |coarse: u8, fine: u8| [coarse, fine].into_iter().chain(pixels(cifar::PIXELS));
        vec![record(19, 99).collect(), record(0, 0).chain(record(7, 42)).collect()]
    }

    pub(super) fn stl_images() -> Vec<Vec<u8>> {
        vec![vec![], pixels(stl::PIXELS).collect()]
    }

    pub(super) fn stl_labels() -> Vec<Vec<u8>> {
        vec![vec![], (1..=stl::CLASSES).collect()]
    }

    pub(super) fn png() -> Vec<Vec<u8>> {
        let picture = |colours, bytes_per_pixel: usize| {
            let mut bytes = Vec::new();
            let pixels: Vec<u8> = pixels((SIDE * SIDE) as usize * bytes_per_pixel).collect();
            PngEncoder::new(&mut bytes).write_image(&pixels, SIDE, SIDE, colours).ok()?;
            Some(bytes)
        };
        let colours = [(ColorType::L8, 1), (ColorType::Rgb8, 3), (ColorType::La16, 4), (ColorType::Rgba16, 8)];
        colours.into_iter().filter_map(|(colours, bytes)| picture(colours.into(), bytes)).collect()
    }

    pub(super) fn wav() -> Vec<Vec<u8>> {
        let plain = wav::write(8_000, &[0, 1, -1, 300, -300, i16::MAX, i16::MIN, 5]);
        // Written to a pipe, and with a chunk of odd size before and behind the samples.
        let mut piped = plain.clone();
        piped[40..44].copy_from_slice(&[0xff; 4]);
        let odd = [&b"LIST\x0d\0\0\0INFOISFT\x01\0\0\0a"[..], b"\0"].concat();
        let chunks = [&plain[..36], &odd, &plain[36..], &odd].concat();
        vec![plain, wav::write(16_000, &[]), piped, chunks]
    }

    pub(super) fn ts() -> Vec<Vec<u8>> {
        let text = "# a comment\n@problemName Letters\n@timeStamps false\n@missing false\n@univariate false\n\
                    @dimensions 2\n@equalLength false\n@classLabel true a b\n@data\n1,2,3:-1,-2.5,1e-3:b\n0.5,?:7:a\n";
        let numbers =
            format!("\u{feff}{}", text.replace("true a b", "true 10 2.0").replace(":b", ":2").replace(":a", ":1e1"));
        vec![text.as_bytes().to_vec(), numbers.into_bytes()]
    }

    /// Written by SciPy: cells, structures, texts and numbers, compressed and not.
    pub(super) fn mat() -> Vec<Vec<u8>> {
        vec![
            include_bytes!("../../tests/fixtures/formats/scipy-compressed.mat").to_vec(),
            include_bytes!("../../tests/fixtures/formats/scipy-plain.mat").to_vec(),
            include_bytes!("../../tests/fixtures/formats/scipy-unsupported-compressed.mat").to_vec(),
            include_bytes!("../../tests/fixtures/formats/scipy-unsupported-plain.mat").to_vec(),
        ]
    }

    pub(super) fn psv() -> Vec<Vec<u8>> {
        vec![b"\xef\xbb\xbfHR|Temp|SepsisLabel\nNaN|36.5|0\r\n80|NaN|0\n91.5|-1e2|1\n".to_vec()]
    }
}
