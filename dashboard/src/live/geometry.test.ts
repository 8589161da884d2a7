import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { BoxSchema, PointSchema } from "../gen/cortex/v1/common_pb";
import { columnsFor, fitInto, labelSpot, pointsOf, rectOf, tagSpot } from "./geometry";

const size = { width: 400, height: 200 };
const box = (x1: number, y1: number, x2: number, y2: number) => create(BoxSchema, { x1, y1, x2, y2 });
const point = (x: number, y: number) => create(PointSchema, { x, y });

test("a box is scaled to the picture's size on the page", () => {
  expect(rectOf(box(0.25, 0.5, 0.75, 1), size)).toEqual({ x: 100, y: 100, width: 200, height: 100 });
});

test("a box that leaves the picture is cut at its edge, one outside of it is not drawn", () => {
  expect(rectOf(box(-0.5, 0, 0.25, 0.5), size)).toEqual({ x: 0, y: 0, width: 100, height: 100 });
  expect(rectOf(box(1.1, 0, 1.5, 1), size)).toBeNull();
  expect(rectOf(undefined, size)).toBeNull();
});

test("points become the points of a polygon", () => {
  expect(pointsOf([point(0, 0), point(0.5, 0.25)], size)).toBe("0,0 200,50");
});

test("labels stay inside of the picture", () => {
  expect(labelSpot([point(1, 0), point(0.5, 1)], size, 90)).toEqual({ x: 306, y: 12 });
  expect(tagSpot({ x: 10, y: 5, width: 20, height: 40 }, { width: 60, height: 14 }, size)).toEqual({ x: 10, y: 5 });
  expect(tagSpot({ x: 390, y: 50, width: 10, height: 40 }, { width: 60, height: 14 }, size)).toEqual({ x: 340, y: 36 });
});

test("a picture is as large as its room allows, in its own proportions", () => {
  expect(fitInto({ width: 768, height: 576 }, { width: 800, height: 300 })).toEqual({ width: 400, height: 300 });
  expect(fitInto({ width: 16, height: 9 }, { width: 320, height: 900 })).toEqual({ width: 320, height: 180 });
  expect(fitInto({ width: 0, height: 0 }, { width: 320, height: 900 })).toEqual({ width: 0, height: 0 });
});

test("the grid is as square as it gets", () => {
  expect([0, 1, 2, 4, 5, 9, 10, 40].map(columnsFor)).toEqual([1, 1, 2, 2, 3, 3, 4, 4]);
});
