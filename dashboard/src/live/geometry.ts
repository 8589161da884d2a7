import type { Box, Point } from "../gen/cortex/v1/common_pb";

/** A size in pixels of the page. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** An upright rectangle in pixels of the page. */
export interface Rect extends Size {
  readonly x: number;
  readonly y: number;
}

/** A normalised box on a picture of the given size, cut at the picture's edges; `null` when nothing of it is left. */
export function rectOf(box: Box | undefined, size: Size): Rect | null {
  if (!box) {
    return null;
  }
  const x = share(box.x1) * size.width;
  const y = share(box.y1) * size.height;
  const width = share(box.x2) * size.width - x;
  const height = share(box.y2) * size.height - y;
  return width > 0 && height > 0 ? { x, y, width, height } : null;
}

/** Normalised points as the `points` of an SVG polygon or polyline. */
export function pointsOf(points: readonly Point[], size: Size): string {
  return points.map((p) => `${round(p.x * size.width)},${round(p.y * size.height)}`).join(" ");
}

/** Where a label of a zone, so many pixels wide, stands: at its uppermost point, kept inside of the picture. */
export function labelSpot(points: readonly Point[], size: Size, width: number): { readonly x: number; readonly y: number } {
  const top = points.reduce<Point | undefined>((best, p) => (!best || p.y < best.y ? p : best), undefined);
  const x = share(top?.x ?? 0) * size.width;
  const y = share(top?.y ?? 0) * size.height;
  return { x: Math.max(Math.min(x, size.width - width - 4), 4), y: Math.min(Math.max(y - 4, 12), size.height - 4) };
}

/** Where the label of a box stands: above it, or inside when there is no room above, and never beyond the right edge. */
export function tagSpot(rect: Rect, label: Size, size: Size): { readonly x: number; readonly y: number } {
  const x = Math.max(Math.min(rect.x, size.width - label.width), 0);
  return { x, y: rect.y >= label.height ? rect.y - label.height : rect.y };
}

/** The largest size of the picture's proportions that fits into a room. */
export function fitInto(picture: Size, room: Size): Size {
  if (picture.width <= 0 || picture.height <= 0) {
    return { width: 0, height: 0 };
  }
  const scale = Math.min(room.width / picture.width, room.height / picture.height);
  return { width: Math.floor(picture.width * scale), height: Math.floor(picture.height * scale) };
}

/** Columns of the grid for so many tiles: as square as it gets, at most four. */
export function columnsFor(tiles: number): number {
  return Math.min(Math.max(Math.ceil(Math.sqrt(tiles)), 1), 4);
}

function share(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
