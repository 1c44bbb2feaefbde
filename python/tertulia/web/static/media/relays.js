/**
 * The TURN servers among ICE servers. A connection to an SFU needs no others: the SFU sees by itself from which address a
 * client sends. And an SFU that is a STUN server, too, must not be named: Chromium drops what comes from its address as
 * long as it gathers candidates, connectivity checks included.
 *
 * @param {RTCIceServer[]} servers
 * @returns {RTCIceServer[]}
 */
export function relays(servers) {
  return servers.filter(({ urls }) => [urls].flat().some(isTurn));
}

/** @param {string} url */
export function isTurn(url) {
  return /^turns?:/i.test(url);
}
