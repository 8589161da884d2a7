//! Lines and letters on a picture.

use cortex_models::Picture;
use font8x8::{BASIC_FONTS, LATIN_FONTS, UnicodeFonts};

/// Red, green, blue.
pub(super) type Colour = [u8; 3];

pub(super) const WHITE: Colour = [255, 255, 255];
pub(super) const BLACK: Colour = [0, 0, 0];

/// Pixels that can be drawn on. Coordinates are pixels from the upper left corner; what lies outside is left out.
pub(super) struct Canvas {
    pixels: Vec<u8>,
    width: usize,
    height: usize,
    /// Pixels of a line, and of a dot of a letter.
    scale: i32,
}

impl Canvas {
    /// A copy of an RGB picture.
    pub(super) fn of(picture: &Picture) -> Self {
        let (width, height) = (picture.width(), picture.height());
        let plane = &picture.planes()[0];
        let mut pixels = Vec::with_capacity(width * height * 3);
        plane.data.chunks(plane.stride).take(height).for_each(|row| pixels.extend(&row[..width * 3]));
        Self { pixels, width, height, scale: (width as i32 / 640).max(1) }
    }

    pub(super) fn picture(self) -> Option<Picture> {
        Picture::rgb(self.width, self.height, self.pixels).ok()
    }

    /// A point that is given as a share of the sides, in pixels.
    pub(super) fn place(&self, x: f32, y: f32) -> (i32, i32) {
        // Far outside is as good as a little outside, and walked to faster.
        let at = |share: f32, side: usize| (share.clamp(-1.0, 2.0) * side as f32).round() as i32;
        (at(x, self.width), at(y, self.height))
    }

    pub(super) fn line(&mut self, from: (i32, i32), to: (i32, i32), colour: Colour) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let steps = dx.abs().max(dy.abs()).max(1);
        for step in 0..=steps {
            let (x, y) = (from.0 + dx * step / steps, from.1 + dy * step / steps);
            self.fill((x, y), (x + self.scale, y + self.scale), colour);
        }
    }

    pub(super) fn frame(&mut self, (x1, y1): (i32, i32), (x2, y2): (i32, i32), colour: Colour) {
        let corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1)];
        corners.windows(2).for_each(|side| self.line(side[0], side[1], colour));
    }

    /// Height of a line of text in pixels.
    pub(super) fn leading(&self) -> i32 {
        10 * self.scale
    }

    /// Letters that fit beside each other.
    pub(super) fn columns(&self) -> usize {
        (self.width / (8 * self.scale as usize)).max(1)
    }

    /// Pixels from top to bottom.
    pub(super) fn height(&self) -> i32 {
        self.height as i32
    }

    /// Text on a patch of a colour, its upper left corner at a place; moved so that its beginning is in the picture.
    pub(super) fn text(&mut self, (x, y): (i32, i32), text: &str, ink: Colour, paper: Colour) {
        let (x, y) = (x.clamp(0, self.width as i32), y.clamp(0, self.height() - self.leading()));
        let letter = 8 * self.scale;
        let end = x + text.chars().count() as i32 * letter;
        self.fill((x, y), (end, y + self.leading()), paper);
        for (index, letter_of) in text.chars().enumerate() {
            let glyph = BASIC_FONTS.get(letter_of).or_else(|| LATIN_FONTS.get(letter_of));
            let left = x + index as i32 * letter;
            for (row, bits) in (0..).zip(glyph.or_else(|| BASIC_FONTS.get('?')).unwrap_or_default()) {
                for column in (0..8).filter(|column| bits & (1 << column) != 0) {
                    let dot = (left + column * self.scale, y + (row + 1) * self.scale);
                    self.fill(dot, (dot.0 + self.scale, dot.1 + self.scale), ink);
                }
            }
        }
    }

    fn fill(&mut self, (x1, y1): (i32, i32), (x2, y2): (i32, i32), colour: Colour) {
        let inside = |value: i32, side: usize| value.clamp(0, side as i32) as usize;
        let (left, right) = (inside(x1, self.width), inside(x2, self.width));
        for y in inside(y1, self.height)..inside(y2, self.height) {
            let row = &mut self.pixels[y * self.width * 3..][..self.width * 3];
            row[left * 3..right.max(left) * 3].chunks_exact_mut(3).for_each(|p| p.copy_from_slice(&colour));
        }
    }
}
