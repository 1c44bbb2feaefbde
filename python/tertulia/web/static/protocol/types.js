/**
 * The payloads that client and server exchange; docs/protocol.md describes them.
 *
 * @typedef {"host" | "attendee"} Role
 * @typedef {"sfu" | "p2p"} Topology
 * @typedef {"microphone" | "camera" | "screen" | "screen-audio"} Source
 * @typedef {"left" | "closed" | "timeout" | "removed" | "ended"} LeaveReason
 *
 * @typedef {object} Participant A member of a room.
 * @property {string} userId
 * @property {string} displayName
 * @property {Role} role
 * @property {boolean} isMuted
 * @property {boolean} isVideoOn
 * @property {string} joinedAt RFC 3339
 * @property {boolean} [handRaised]
 *
 * @typedef {object} JoinResult The answer to JoinRoom; `participants` has the others.
 * @property {string} userId
 * @property {Role} role
 * @property {Participant[]} participants
 * @property {string} resumeToken
 * @property {number} keepAliveSeconds
 * @property {Topology} [topology] absent: the room uses the SFU
 * @property {boolean} [missed] events were lost that the server no longer had
 *
 * @typedef {object} JoinGrant The answer to `POST /v1/rooms/{id}/join`.
 * @property {string} token
 * @property {RTCIceServer[]} iceServers
 * @property {string} wsUrl
 * @property {string} hubUrl
 * @property {string} expiresAt
 *
 * @typedef {object} Slot A receive-only m-line, and whose media it carries.
 * @property {string} mid
 * @property {string | null} userId
 * @property {Source} source
 * @property {"audio" | "video"} kind
 *
 * @typedef {object} WantedVideo
 * @property {string} userId
 * @property {"camera" | "screen"} source
 * @property {number} [maxHeight]
 *
 * @typedef {object} ChatMessage
 * @property {string} id
 * @property {string} userId
 * @property {string} displayName
 * @property {string} text
 * @property {string} sentAt RFC 3339
 * @property {boolean} [private] only for `targetUserId`
 * @property {string} [targetUserId]
 *
 * @typedef {object} HubEvents What the server sends, by event name.
 * @property {Participant} ParticipantJoined
 * @property {{userId: string, reason: LeaveReason}} ParticipantLeft
 * @property {{userId: string, isMuted: boolean, isVideoOn: boolean}} StateChanged
 * @property {{sourceUserId: string, sdp: string}} ReceiveOffer
 * @property {{sourceUserId: string, sdp: string}} ReceiveAnswer
 * @property {{sourceUserId: string, candidate: string | RTCIceCandidateInit}} IceCandidate
 * @property {{ip: string, port: number, transportId: string}} SfuEndpoint
 * @property {{slots: Slot[]}} Slots
 * @property {{userIds: string[]}} ActiveSpeakers
 * @property {{transportId: string, state: string, reason?: string}} TransportState
 * @property {{transportId: string, code: string, message: string}} SfuError
 * @property {ChatMessage} ChatMessage
 * @property {{userId: string, raised: boolean}} HandRaised
 * @property {{byUserId: string}} MuteRequested
 * @property {{userId: string}} ConnectionLost
 * @property {{userId: string}} ConnectionBack
 * @property {{isRecording: boolean}} RecordingChanged
 * @property {Record<string, never>} Replaced
 * @property {Record<string, never>} Removed
 * @property {{reason: string}} RoomEnded
 */

export {};
