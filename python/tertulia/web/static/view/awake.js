/**
 * Keeps the screen on during a meeting, where the browser supports it. Browsers end that whenever the page is hidden, so
 * we ask again when it is visible.
 *
 * @returns {() => void} lets the screen turn off again
 */
export function stayAwake() {
  /** @type {WakeLockSentinel | null} */
  let lock = null;
  let ended = false;
  const ask = async () => {
    if (document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
    // Refused when the battery is low.
    lock = await navigator.wakeLock.request("screen").catch(() => null);
    if (ended) await lock?.release();
  };
  document.addEventListener("visibilitychange", ask);
  void ask();
  return () => {
    ended = true;
    document.removeEventListener("visibilitychange", ask);
    void lock?.release();
  };
}
