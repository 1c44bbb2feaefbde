/** @import { Key } from "../words/say.js" */
/** @import { SignInView } from "../protocol/types.js" */
import { Rest, UnreachableError } from "../protocol.js";

/**
 * Whether people can sign in here, and whether this browser's has.
 *
 * @typedef {object} Offer
 * @property {boolean} isOffered
 * @property {boolean} asksForOrganisation
 * @property {boolean} isSignedIn
 */

/**
 * Why somebody was not signed in, by the word for it in the address that they come back to.
 *
 * @type {Record<string, Key>}
 */
const REASONS = {
  unreachable: "signin.unreachable",
  broken: "signin.broken",
  denied: "signin.denied",
  expired: "signin.expired",
  not_allowed: "signin.notAllowed",
  unknown: "signin.unknown",
  unavailable: "problem.unreachable",
};

/**
 * @returns {Promise<Offer>}
 * @throws {UnreachableError}
 */
export async function readOffer() {
  const response = await fetch("/sign-in/offer", { signal: AbortSignal.timeout(15_000) }).catch(() => null);
  if (!response?.ok) throw new UnreachableError("The server does not say whether one can sign in.");
  return response.json();
}

/**
 * Goes to the provider. A link alone would not do: other sites could have it followed.
 *
 * @param {string} organisation "": the only one
 * @throws {TertuliaError}
 */
export async function goToProvider(organisation) {
  const query = organisation ? `?${new URLSearchParams({ organisation })}` : "";
  const { url } = await new Rest(location.origin).request("POST", `/sign-in${query}`);
  location.assign(url);
}

/**
 * Takes out of the address what the server says of signing in: why somebody was not signed in, or for which organization
 * a link asks them to.
 *
 * @returns {{reason: Key | null, organisation: string}}
 */
export function takeAnswer() {
  const given = new URLSearchParams(location.search);
  const said = given.get("sign-in");
  if (said === null) return { reason: null, organisation: "" };
  history.replaceState(null, "", location.pathname + location.hash);
  if (said === "asked") return { reason: null, organisation: given.get("organisation") ?? "" };
  return { reason: Object.hasOwn(REASONS, said) ? (REASONS[said] ?? null) : "signin.broken", organisation: "" };
}

/**
 * Calls the API by the cookie of who is signed in. Without this header the server does not look at it.
 *
 * @type {typeof fetch}
 */
export function fetchSignedIn(input, init) {
  return fetch(input, { ...init, headers: { ...init?.headers, Authorization: "Cookie" } });
}

/**
 * @param {Rest} rest called by the cookie
 * @returns {Promise<SignInView>}
 */
export function readSignIn(rest) {
  return rest.request("GET", "/v1/sign-in");
}

/** @param {Rest} rest called by the cookie */
export async function signOut(rest) {
  await rest.request("DELETE", "/v1/sign-in");
}
