const WIDTH = 640;
const HEIGHT = 360;
const RATE = 30;

/**
 * A picture of noise that moves: no encoder can make it small, so that as much is sent as the line takes.
 *
 * @returns {{track: MediaStreamTrack, stop: () => void}}
 */
export function noise() {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const brush = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
  const picture = new ImageData(2 * WIDTH, 2 * HEIGHT);
  for (let i = 0; i < picture.data.length; i++) picture.data[i] = Math.random() * 256;
  const draw = () => brush.putImageData(picture, -Math.random() * WIDTH, -Math.random() * HEIGHT);
  draw();
  const timer = setInterval(draw, 1000 / RATE);
  const [track] = canvas.captureStream(RATE).getVideoTracks();
  if (!track) throw new Error("a canvas has no video");
  track.contentHint = "motion";
  const stop = () => {
    clearInterval(timer);
    track.stop();
  };
  return { track, stop };
}
