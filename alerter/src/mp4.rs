//! Pictures as an MP4 that ordinary players play: Motion JPEG, each picture shown until the next one was made.
//!
//! Written as it is read, so that a clip is never in memory as a whole: every picture is an `mdat` of its own, and what says
//! where they are comes last. Nothing is encoded anew, so no picture is worse than what was stored. ISO/IEC 14496-12 and
//! -14; crates that write MP4 have no sample entry for JPEG.

use cortex_proto::v1;

/// A file on its way.
#[derive(Default)]
pub(crate) struct Mp4 {
    samples: Vec<Sample>,
    /// Bytes so far.
    written: u64,
    width: u32,
    height: u32,
}

struct Sample {
    /// When the picture was made, in milliseconds since 1970.
    at_ms: i64,
    /// Where its JPEG begins in the file.
    offset: u64,
    bytes: u32,
}

/// Units of time in a second.
const SCALE: u32 = 1000;
/// How long the last picture stays when nothing says how long one does, and at most.
const LAST_MS: i64 = 1000;
/// Seconds from 1904, where the format's calendar begins, to 1970.
const SINCE_1904: i64 = 2_082_844_800;
/// One to one, in the format's fixed-point numbers.
const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
/// JPEG among the codecs of MPEG-4 (ISO/IEC 14496-1, object type indication).
const JPEG: u8 = 0x6c;

impl Mp4 {
    /// The next bytes of the file, with this picture. Pictures come in order of time.
    pub(crate) fn picture(&mut self, picture: &v1::Cloaked) -> Vec<u8> {
        let mut piece = Vec::with_capacity(picture.jpeg.len() + 64);
        if self.samples.is_empty() {
            piece.extend(boxed(*b"ftyp", &[b"isom", &0x200_u32.to_be_bytes(), b"isomiso2mp41"]));
        }
        piece.extend(boxed(*b"mdat", &[&picture.jpeg]));
        self.written += piece.len() as u64;
        self.samples.push(Sample {
            at_ms: picture.time_us.div_euclid(1000),
            offset: self.written - picture.jpeg.len() as u64,
            bytes: picture.jpeg.len() as u32,
        });
        self.width = self.width.max(picture.width);
        self.height = self.height.max(picture.height);
        piece
    }

    /// The last bytes of the file.
    pub(crate) fn end(&self) -> Vec<u8> {
        let lasts = self.lasts();
        let duration: u32 = lasts.iter().sum();
        let began_s = self.samples.first().map_or(0, |first| first.at_ms.div_euclid(1000));
        let made = u32::try_from(began_s + SINCE_1904).unwrap_or_default().to_be_bytes();
        let matrix: Vec<u8> = MATRIX.iter().flat_map(|number| number.to_be_bytes()).collect();
        let times = [made, made, SCALE.to_be_bytes(), duration.to_be_bytes()].concat();

        // Rate 1.0, volume 1.0, the next track's number.
        let head = [&times, &[0, 1, 0, 0, 1, 0][..], &[0; 10], &matrix, &[0; 24], &[0, 0, 0, 2]].concat();
        let size = [self.width << 16, self.height << 16].map(u32::to_be_bytes).concat();
        let track =
            [&made[..], &made, &[0, 0, 0, 1], &[0; 4], &duration.to_be_bytes(), &[0; 16], &matrix, &size];
        // Language `und`.
        let media = [&times, &[0x55, 0xc4, 0, 0][..]].concat();
        let handler = [&[0; 4][..], b"vide", &[0; 12], b"cloaked pictures\0"].concat();
        let here = boxed(*b"dref", &[&[0; 4], &1_u32.to_be_bytes(), &full(*b"url ", 1, &[])]);
        let minf = boxed(
            *b"minf",
            &[&full(*b"vmhd", 1, &[&[0; 8]]), &boxed(*b"dinf", &[&here]), &self.table(&lasts)],
        );
        let mdia = boxed(*b"mdia", &[&full(*b"mdhd", 0, &[&media]), &full(*b"hdlr", 0, &[&handler]), &minf]);
        // Flags: the track is on and shown.
        let trak = boxed(*b"trak", &[&full(*b"tkhd", 3, &track), &mdia]);
        boxed(*b"moov", &[&full(*b"mvhd", 0, &[&head]), &trak])
    }

    /// How long each picture stays, in milliseconds: until the next; the last as long as the one before.
    fn lasts(&self) -> Vec<u32> {
        let pairs = self.samples.windows(2).map(|pair| pair[1].at_ms - pair[0].at_ms);
        let mut lasts: Vec<i64> = pairs.collect();
        lasts.push(lasts.last().copied().unwrap_or(LAST_MS).min(LAST_MS));
        lasts.into_iter().map(|ms| u32::try_from(ms).unwrap_or_default()).collect()
    }

    /// What says of each picture where it is, how large, and how long it stays.
    fn table(&self, lasts: &[u32]) -> Vec<u8> {
        let count = (self.samples.len() as u32).to_be_bytes();
        let list =
            |numbers: &mut dyn Iterator<Item = u32>| numbers.flat_map(u32::to_be_bytes).collect::<Vec<u8>>();
        let stay = list(&mut lasts.iter().flat_map(|ms| [1, *ms]));
        let sizes = list(&mut self.samples.iter().map(|sample| sample.bytes));
        let places: Vec<u8> = self.samples.iter().flat_map(|sample| sample.offset.to_be_bytes()).collect();
        let entry = full(*b"stsd", 0, &[&1_u32.to_be_bytes(), &self.entry()]);
        // From the first chunk on each has one sample, described by the first entry.
        let chunks = list(&mut [1, 1, 1, 1].into_iter());
        boxed(
            *b"stbl",
            &[
                &entry,
                &full(*b"stts", 0, &[&count, &stay]),
                &full(*b"stsc", 0, &[&chunks]),
                &full(*b"stsz", 0, &[&[0; 4], &count, &sizes]),
                &full(*b"co64", 0, &[&count, &places]),
            ],
        )
    }

    /// That the samples are JPEGs, and how large they look.
    fn entry(&self) -> Vec<u8> {
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX).to_be_bytes();
        // Visual stream, no buffer and rates told; how samples are synchronised is left to the file.
        let decoder = [&[0x04, 13, JPEG, 0x11][..], &[0; 11]].concat();
        let stream = [&[0x03, 3 + 15 + 3, 0, 1, 0][..], &decoder, &[0x06, 1, 2]].concat();
        boxed(
            *b"mp4v",
            &[
                &[0, 0, 0, 0, 0, 0, 0, 1],
                &[0; 16],
                &[side(self.width), side(self.height)].concat(),
                // 72 dots an inch both ways, a frame a sample, no name, 24 bits deep.
                &[0, 72, 0, 0, 0, 72, 0, 0, 0, 0, 0, 0, 0, 1],
                &[0; 32],
                &[0, 24, 0xff, 0xff],
                &full(*b"esds", 0, &[&stream]),
            ],
        )
    }
}

/// A box: its length, its name, what is in it.
fn boxed(name: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = 8 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend((length as u32).to_be_bytes());
    bytes.extend(name);
    parts.iter().for_each(|part| bytes.extend(*part));
    bytes
}

/// A box with a version, 0, and flags.
fn full(name: [u8; 4], flags: u32, parts: &[&[u8]]) -> Vec<u8> {
    let version = flags.to_be_bytes();
    boxed(name, &[&[version.as_slice()], parts].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The content of the box at this path.
    fn find<'a>(mut bytes: &'a [u8], path: &[&[u8; 4]]) -> &'a [u8] {
        for name in path {
            loop {
                let length = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
                let (one, rest) = bytes.split_at(length);
                if &one[4..8] == *name {
                    bytes = &one[8..];
                    break;
                }
                bytes = rest;
            }
        }
        bytes
    }

    fn numbers(bytes: &[u8]) -> Vec<u32> {
        bytes.chunks(4).map(|four| u32::from_be_bytes(four.try_into().unwrap())).collect()
    }

    #[test]
    fn every_picture_is_found_and_stays_until_the_next() {
        let mut film = Mp4::default();
        let mut file = Vec::new();
        let jpegs: Vec<Vec<u8>> = (1..=4).map(|n| vec![n; 100 * usize::from(n)]).collect();
        // A gap of three seconds, as after an outage, and times that are not whole milliseconds.
        for (at_us, jpeg) in [0, 200_400, 3_200_600, 3_400_900].into_iter().zip(&jpegs) {
            let time_us = 1_700_000_000_000_000 + at_us;
            let picture =
                v1::Cloaked { time_us, width: 64, height: 48, jpeg: jpeg.clone(), ..Default::default() };
            file.extend(film.picture(&picture));
        }
        file.extend(film.end());
        let table = find(&file, &[b"moov", b"trak", b"mdia", b"minf", b"stbl"]);
        assert_eq!(numbers(find(table, &[b"stts"])), [0, 4, 1, 200, 1, 3000, 1, 200, 1, 200]);
        assert_eq!(numbers(find(table, &[b"stsz"])), [0, 0, 4, 100, 200, 300, 400]);
        let places = numbers(find(table, &[b"co64"]));
        for (jpeg, place) in jpegs.iter().zip(places[2..].chunks(2)) {
            let at = place[1] as usize;
            assert_eq!(&file[at..at + jpeg.len()], jpeg);
        }
        let head = numbers(find(&file, &[b"moov", b"mvhd"]));
        assert_eq!((head[1], head[3], head[4]), (1_700_000_000 + SINCE_1904 as u32, 1000, 3600));
    }
}
