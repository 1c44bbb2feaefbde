/** @typedef {{x: number, y: number, width: number, height: number}} Rect */

/** The gap between tiles, in px. */
export const GAP = 10;
/** Narrower areas are phones, where tiles may be portrait. */
const NARROW = 640;
const WIDEST = 16 / 9;
/** Cameras are cropped to no taller an aspect ratio. */
const TALLEST_LANDSCAPE = 4 / 3;
const TALLEST_PORTRAIT = 3 / 4;
/** The most tiles at once: five by five. */
const MOST_TILES = 25;
/** The smallest useful tile. */
const SMALLEST = { width: 120, height: 90 };

/**
 * Finds the number of columns that makes `count` tiles largest.
 *
 * @param {number} count at least 1
 * @param {number} width
 * @param {number} height
 * @returns {{columns: number, width: number, height: number}} of one tile
 */
export function bestGrid(count, width, height) {
  const tallest = width < NARROW ? TALLEST_PORTRAIT : TALLEST_LANDSCAPE;
  let best = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cell = { width: (width - GAP * (columns - 1)) / columns, height: (height - GAP * (rows - 1)) / rows };
    if (cell.width <= 0 || cell.height <= 0) continue;
    const tile = clampAspect(cell.width, cell.height, tallest, WIDEST);
    if (tile.width * tile.height > best.width * best.height) best = { columns, ...tile };
  }
  return best;
}

/**
 * How many tiles fit into an area without being too small; at least two.
 *
 * @param {number} width
 * @param {number} height
 * @returns {number}
 */
export function mostTiles(width, height) {
  for (let count = MOST_TILES; count > 2; count--) {
    const tile = bestGrid(count, width, height);
    if (tile.width >= SMALLEST.width && tile.height >= SMALLEST.height) return count;
  }
  return 2;
}

/**
 * Places `count` tiles in a grid; an incomplete row is centred.
 *
 * @param {number} count
 * @param {number} width
 * @param {number} height
 * @returns {Rect[]}
 */
export function gridRects(count, width, height) {
  if (count === 0) return [];
  const tile = bestGrid(count, width, height);
  const rows = Math.ceil(count / tile.columns);
  const top = (height - rows * tile.height - GAP * (rows - 1)) / 2;
  return Array.from({ length: count }, (_, i) => {
    const row = Math.floor(i / tile.columns);
    const inRow = Math.min(tile.columns, count - row * tile.columns);
    const left = (width - inRow * tile.width - GAP * (inRow - 1)) / 2;
    const column = i % tile.columns;
    return {
      x: left + column * (tile.width + GAP),
      y: top + row * (tile.height + GAP),
      width: tile.width,
      height: tile.height,
    };
  });
}

/**
 * Places one large tile, and the others in a strip beside it, or below it in a portrait area.
 *
 * @param {number} count tiles in the strip
 * @param {number} width
 * @param {number} height
 * @returns {{stage: Rect, strip: Rect[]}} the strip has as many tiles as fit
 */
export function stageRects(count, width, height) {
  if (count === 0) return { stage: { x: 0, y: 0, width, height }, strip: [] };
  const beside = width > height * 1.1;
  const tile = beside ? sideTile(width) : { width: Math.min(160, (width - GAP) / 2.5), height: 0 };
  tile.height = tile.width / (beside ? WIDEST : TALLEST_LANDSCAPE);
  const room = beside ? height : width;
  const size = beside ? tile.height : tile.width;
  const shown = Math.min(count, Math.max(1, Math.floor((room + GAP) / (size + GAP))));
  const start = (room - shown * size - GAP * (shown - 1)) / 2;
  const strip = Array.from({ length: shown }, (_, i) => {
    const along = start + i * (size + GAP);
    return beside ? { x: width - tile.width, y: along, ...tile } : { x: along, y: height - tile.height, ...tile };
  });
  const stage = beside
    ? { x: 0, y: 0, width: width - tile.width - GAP, height }
    : { x: 0, y: 0, width, height: height - tile.height - GAP };
  return { stage, strip };
}

/**
 * How many tiles fit into the strip beside a stage.
 *
 * @param {number} width
 * @param {number} height
 * @returns {number}
 */
export function stripPlaces(width, height) {
  return stageRects(MOST_TILES, width, height).strip.length;
}

/** @param {number} width */
function sideTile(width) {
  return { width: Math.max(130, Math.min(240, width * 0.18)), height: 0 };
}

/**
 * @param {number} width
 * @param {number} height
 * @param {number} least
 * @param {number} most
 */
function clampAspect(width, height, least, most) {
  const aspect = width / height;
  if (aspect > most) return { width: height * most, height };
  if (aspect < least) return { width, height: width / least };
  return { width, height };
}
