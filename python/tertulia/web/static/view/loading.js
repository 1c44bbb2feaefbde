import { UnreachableError } from "../protocol.js";

/**
 * A part of the page that is loaded on demand.
 *
 * @template T
 * @param {Promise<T>} loading
 * @returns {Promise<T>}
 * @throws {UnreachableError} it could not be loaded
 */
export async function loaded(loading) {
  try {
    return await loading;
  } catch (error) {
    console.error(error);
    throw new UnreachableError("The page could not be loaded. Reload it.");
  }
}
