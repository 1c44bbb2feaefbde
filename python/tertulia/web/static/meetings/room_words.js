/** @import { Room, RoomStatus } from "../protocol/types.js" */
/** @import { Key } from "../words/say.js" */
import { dateAndTime, say } from "../words.js";

/** @type {Record<RoomStatus, Key>} */
export const STATUS = {
  SCHEDULED: "meetings.scheduled",
  ACTIVE: "meetings.active",
  COMPLETED: "meetings.completed",
};

/**
 * What a room is called.
 *
 * @param {Pick<Room, "title">} room
 * @returns {string}
 */
export function titleOf({ title }) {
  return title ?? say("meetings.untitled");
}

/**
 * When a room's meeting is to be, or else since when there is the room.
 *
 * @param {Pick<Room, "scheduledFor" | "createdAt">} room
 * @returns {string}
 */
export function whenOf({ scheduledFor, createdAt }) {
  return scheduledFor
    ? say("meetings.at", { time: dateAndTime(scheduledFor) })
    : say("meetings.made", { time: dateAndTime(createdAt) });
}
