/** Two notes, a fifth apart: unlike any sound of a system. @type {[hertz: number, at: number][]} */
const NOTES = [
  [440, 0],
  [660, 0.35],
];
const SECONDS = 0.8;

/**
 * Plays a sound on a speaker.
 *
 * @param {string} speaker "" is the system default
 * @returns {Promise<void>} when it is over
 */
export async function playTone(speaker) {
  const context = new AudioContext();
  const player = new Audio();
  try {
    await play(context, player, speaker);
  } finally {
    player.srcObject = null;
    await context.close();
  }
}

/**
 * @param {AudioContext} context
 * @param {HTMLAudioElement} player
 * @param {string} speaker
 */
async function play(context, player, speaker) {
  const output = context.createMediaStreamDestination();
  const volume = new GainNode(context, { gain: 0.25 });
  volume.connect(output);
  player.srcObject = output.stream;
  if (speaker && "setSinkId" in player) await player.setSinkId(speaker).catch(() => player.setSinkId(""));
  for (const [frequency, at] of NOTES) {
    const note = new OscillatorNode(context, { frequency });
    note.connect(volume);
    note.start(context.currentTime + at);
    note.stop(context.currentTime + at + 0.3);
  }
  await player.play();
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
}
