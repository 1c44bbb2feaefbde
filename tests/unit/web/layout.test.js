import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bestGrid, GAP, gridRects, mostTiles, stageRects } from "../../../python/tertulia/web/static/view/layout.js";

const AREAS = [
  [1248, 660],
  [1888, 900],
  [900, 660],
  [374, 680],
  [812, 290],
  [2540, 1300],
];

const overlap = (a, b) =>
  a.x < b.x + b.width - 0.01 &&
  b.x < a.x + a.width - 0.01 &&
  a.y < b.y + b.height - 0.01 &&
  b.y < a.y + a.height - 0.01;

function assertFits(rects, width, height) {
  for (const [i, r] of rects.entries()) {
    assert.ok(
      r.x >= -0.01 && r.y >= -0.01 && r.x + r.width <= width + 0.01 && r.y + r.height <= height + 0.01,
      `${i} is outside`,
    );
    assert.ok(r.width > 20 && r.height > 20, `${i} is too small`);
    for (const other of rects.slice(i + 1)) assert.ok(!overlap(r, other), `${i} overlaps`);
  }
}

describe("the grid", () => {
  for (const [width, height] of AREAS) {
    test(`1 to 25 tiles fit ${width} × ${height}, none overlaps`, () => {
      for (let n = 1; n <= 25; n++) {
        const rects = gridRects(n, width, height);
        assert.equal(rects.length, n);
        assertFits(rects, width, height);
        for (const { width: w, height: h } of rects)
          assert.ok(w / h <= 16 / 9 + 0.01 && w / h >= 0.74, `${n}: ${w / h}`);
      }
    });
  }

  test("square numbers on a wide screen are squares", () => {
    for (const n of [4, 9, 16, 25]) assert.equal(bestGrid(n, 1248, 702).columns, Math.sqrt(n));
  });

  test("two are side by side when it is wide, one over the other when it is upright", () => {
    assert.equal(bestGrid(2, 1248, 660).columns, 2);
    assert.equal(bestGrid(2, 374, 680).columns, 1);
  });

  test("a row that is not full is centred", () => {
    const rects = gridRects(5, 1200, 660);
    const [first, last] = [rects[3], rects[4]];
    assert.ok(Math.abs(first.x - (1200 - last.x - last.width)) < 0.01);
    assert.ok(Math.abs(last.x - first.x - first.width - GAP) < 0.01);
  });

  test("nobody takes no place", () => assert.deepEqual(gridRects(0, 100, 100), []));
});

test("as many tiles as are not too small, at most five by five", () => {
  assert.equal(mostTiles(1248, 660), 25);
  assert.equal(mostTiles(374, 690), 12);
  assert.equal(mostTiles(812, 230), 12);
  assert.equal(mostTiles(100, 60), 2);
});

describe("the stage", () => {
  for (const [width, height] of AREAS) {
    test(`stage and strip fit ${width} × ${height}`, () => {
      for (let n = 0; n <= 25; n++) {
        const { stage, strip } = stageRects(n, width, height);
        assertFits([stage, ...strip], width, height);
        assert.ok(strip.length <= n && (n === 0 || strip.length > 0));
        assert.ok(strip.every((r) => stage.width * stage.height > r.width * r.height));
      }
    });
  }
});
