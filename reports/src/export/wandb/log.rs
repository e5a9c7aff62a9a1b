//! A log of records in blocks, as LevelDB has them.
//!
//! Each fragment of a record begins with its checksum (CRC-32 of type and content), length and type; no fragment crosses the
//! border of a block. Source: `leveldb/doc/log_format.md`, and the client for the header and the kind of checksum.

use protobuf::Result;

use crate::export::message::message;

/// Bytes of a block.
const BLOCK: usize = 32 << 10;
/// Bytes before each fragment: checksum, length, type.
const HEAD: usize = 7;
/// First bytes of a file: name, magic number 0xBEE1, version 0.
const FILE_HEADER: [u8; 7] = *b":W&B\xe1\xbe\0";

/// What a fragment is of its record.
#[derive(Debug, Clone, Copy)]
enum Fragment {
    Full = 1,
    First = 2,
    Middle = 3,
    Last = 4,
}

/// A log that is being written.
pub(super) struct Log {
    bytes: Vec<u8>,
    run_id: String,
    records: i64,
}

impl Log {
    pub(super) fn new(run_id: &str) -> Self {
        Self { bytes: FILE_HEADER.to_vec(), run_id: run_id.to_owned(), records: 0 }
    }

    /// Add a `Record` whose field `kind` is `content`; it gets the next number.
    pub(super) fn add(&mut self, kind: u32, content: &[u8]) -> Result<()> {
        self.records += 1;
        let info = message(|info| info.write_string(1, &self.run_id))?;
        let record = message(|record| {
            record.write_int64(1, self.records)?;
            record.write_bytes(kind, content)?;
            record.write_bytes(200, &info)
        })?;
        self.append(&record);
        Ok(())
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn append(&mut self, data: &[u8]) {
        let (mut rest, mut is_first) = (data, true);
        loop {
            let mut room = BLOCK - self.bytes.len() % BLOCK;
            if room < HEAD {
                self.bytes.resize(self.bytes.len() + room, 0);
                room = BLOCK;
            }
            let (part, behind) = rest.split_at(rest.len().min(room - HEAD));
            rest = behind;
            let kind = match (is_first, rest.is_empty()) {
                (true, true) => Fragment::Full,
                (true, false) => Fragment::First,
                (false, false) => Fragment::Middle,
                (false, true) => Fragment::Last,
            };
            self.fragment(kind, part);
            is_first = false;
            if rest.is_empty() {
                return;
            }
        }
    }

    fn fragment(&mut self, kind: Fragment, part: &[u8]) {
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&[kind as u8]);
        checksum.update(part);
        self.bytes.extend(checksum.finalize().to_le_bytes());
        // At most a block.
        self.bytes.extend((part.len() as u16).to_le_bytes());
        self.bytes.push(kind as u8);
        self.bytes.extend(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Content and type of every fragment.
    fn fragments(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut found = Vec::new();
        let mut at = FILE_HEADER.len();
        while at < bytes.len() {
            if BLOCK - at % BLOCK < HEAD {
                at += BLOCK - at % BLOCK;
                continue;
            }
            let length = usize::from(u16::from_le_bytes([bytes[at + 4], bytes[at + 5]]));
            let part = &bytes[at + HEAD..at + HEAD + length];
            assert!(at % BLOCK + HEAD + length <= BLOCK, "a fragment crosses the border of a block");
            found.push((bytes[at + 6], part.to_vec()));
            at += HEAD + length;
        }
        found
    }

    #[test]
    fn long_records_are_cut_at_the_borders_of_blocks() {
        // The first leaves less room than a head needs, the second exactly a head, the third spans three blocks.
        for first in [BLOCK - 7 - 7 - 3, BLOCK - 7 - 7 - 7] {
            let mut log = Log::new("x");
            let records = [vec![1; first], vec![2; 10], vec![3; 2 * BLOCK], vec![]];
            records.iter().for_each(|record| log.append(record));
            let mut joined: Vec<Vec<u8>> = Vec::new();
            for (kind, part) in fragments(&log.bytes()) {
                if kind == Fragment::Full as u8 || kind == Fragment::First as u8 {
                    joined.push(Vec::new());
                }
                joined.last_mut().into_iter().for_each(|record| record.extend(&part));
            }
            assert_eq!(joined, records);
        }
    }

    /// The first record of a file of the client 0.31: its header.
    #[test]
    fn frames_are_those_of_the_client() {
        let content = include_bytes!("../../../tests/fixtures/export/wandb-header.bin");
        let mut log = Log::new("x");
        log.append(&content[FILE_HEADER.len() + HEAD..]);
        assert_eq!(log.bytes(), content);
    }
}
