/**
 * @typedef {object} SignInView The answer of `GET /v1/sign-in`.
 * @property {{id: string, displayName: string, email: string | null}} user
 * @property {boolean} isAdministrator
 * @property {string} expiresAt
 */

/**
 * The payloads that client and server exchange; docs/protocol.md describes them.
 *
 * @typedef {"host" | "attendee"} Role
 * @typedef {"sfu" | "p2p"} Topology
 * @typedef {"microphone" | "camera" | "screen" | "screen-audio"} Source
 * @typedef {"everyone" | "host"} Who may do something
 * @typedef {"unmute" | "video" | "share" | "chat"} Right what may be denied to a participant
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
 * @property {boolean} [recordingOptOut] they do not want to be recorded
 * @property {boolean} [isGuest] they came by an invite: their name is their own claim
 * @property {boolean} [isSpotlit] a host wants everyone to see them large
 * @property {Permissions} [permissions]
 *
 * @typedef {Partial<Record<Right, boolean>>} Permissions What a host has said of one participant; the rest is as the
 *   settings say.
 *
 * @typedef {object} Settings The room's: who comes in, and what attendees may do.
 * @property {boolean} waitingRoom
 * @property {boolean} locked
 * @property {boolean} muteOnEntry
 * @property {Who} unmute
 * @property {Who} share
 * @property {Who} chat
 *
 * @typedef {Settings & {isRecordingEnabled: boolean, topology: Topology, maxParticipants: number,
 *   allowedRoles: ("host" | "guest")[]}} RoomSettings All settings of a room.
 *
 * @typedef {object} Knock Somebody who waits to be admitted.
 * @property {string} userId
 * @property {string} displayName
 * @property {boolean} isGuest
 * @property {string} since RFC 3339
 *
 * @typedef {object} JoinResult The answer to JoinRoom; `participants` has the others.
 * @property {string} userId
 * @property {Role} role
 * @property {Participant[]} participants
 * @property {string} resumeToken
 * @property {number} keepAliveSeconds
 * @property {Topology} [topology] absent: the room uses the SFU
 * @property {string} [displayName] our own, by which the others know us
 * @property {boolean} [missed] events were lost that the server no longer had
 * @property {boolean} [isRecording]
 * @property {string} [recordingId] of the recording that is on
 * @property {Settings} [settings] absent: the server knows none of them
 * @property {boolean} [isMuted] our own, as the room has it
 * @property {boolean} [handRaised] our own
 * @property {boolean} [isSpotlit] our own
 * @property {Permissions} [permissions] our own
 * @property {Knock[]} [waiting] for hosts
 *
 * @typedef {object} JoinGrant The answer to `POST /v1/rooms/{id}/join`.
 * @property {string} token
 * @property {RTCIceServer[]} iceServers
 * @property {string} wsUrl
 * @property {string} hubUrl
 * @property {string} expiresAt
 *
 * @typedef {object} EntryView The answer to `GET /v1/rooms/{id}/entry`: one may join.
 * @property {Role} role
 * @property {boolean} waits a host will have to let us in
 * @property {string | null} [title] the room's
 * @property {string | null} [scheduledFor] RFC 3339: when its meeting is to begin
 *
 * @typedef {object} InviteView An item of `GET /v1/rooms/{id}/invites`.
 * @property {string} id
 * @property {Role} role
 * @property {string} expiresAt
 * @property {number} uses
 * @property {number | null} maxUses null: any number
 * @property {string | null} url null: it has no short link
 * @property {boolean} hasPassword
 *
 * @typedef {object} VideoLimit A video of which our line lets less through than would fill its tile.
 * @property {string} userId
 * @property {Source} source
 * @property {number | null} height of the smaller picture that comes; null: it is large enough
 * @property {boolean} fewerFrames whether frames are left out
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
 * @typedef {object} WantedLayers What somebody watches of one of our videos.
 * @property {string} mid
 * @property {Source} source
 * @property {string[]} rids which of its layers; none where they have no names
 * @property {boolean} wanted whether somebody watches it at all
 *
 * @typedef {object} ChatMessage
 * @property {string} id
 * @property {string} userId
 * @property {string} displayName
 * @property {string} text
 * @property {string} sentAt RFC 3339
 * @property {boolean} [private] only for `targetUserId`
 * @property {string} [targetUserId]
 * @property {string} [clientId] its sender's own id of it
 * @property {Record<string, string>} [reactions] userId → emoji
 *
 * @typedef {"grid" | "speaker" | "single" | "screen-first"} Layout How a film shows people.
 * @typedef {"disk_full" | "disk_error" | "disk_slow"} TroubleReason
 *
 * @typedef {object} Room The answer to `GET /v1/rooms/{id}`.
 * @property {string} id
 * @property {string} hostUserId
 * @property {RoomSettings} settings
 * @property {RoomStatus} status
 * @property {string} createdAt RFC 3339
 * @property {string | null} title
 * @property {string | null} scheduledFor RFC 3339: when its meeting is to begin
 *
 * @typedef {"SCHEDULED" | "ACTIVE" | "COMPLETED"} RoomStatus
 *
 * @typedef {object} SessionView An item of `GET /v1/rooms/{id}/sessions`: one meeting of the room.
 * @property {string} id
 * @property {string} startTime RFC 3339
 * @property {string | null} endTime null while it is on
 *
 * @typedef {object} NodeView An item of `GET /v1/nodes`: an SFU node.
 * @property {string} id
 * @property {string} region
 * @property {number} load 0 idle to 1 full
 * @property {number} rooms
 * @property {number} participants
 * @property {number} recordings
 * @property {boolean} draining it takes no new rooms
 * @property {string} lastBeatAt RFC 3339
 *
 * @typedef {object} RecordingView A film of a meeting (`composite`), or what one source of one person sent (`track`).
 * @property {string} id
 * @property {string} sessionId
 * @property {"composite" | "track"} kind
 * @property {"recording" | "processing" | "ready" | "failed" | "empty"} status
 * @property {string | null} url signed; null until it is ready
 * @property {number} duration seconds
 * @property {string} createdAt RFC 3339
 * @property {string | null} expiresAt until when `url` works
 * @property {string | null} [recordingId] of a track: its recording; of another film: what it was made of
 * @property {string | null} [userId] of a track: whose it is
 * @property {string | null} [userName]
 * @property {Source | null} [source]
 * @property {number | null} [offset] of a track: seconds from the beginning of the film to that of the track
 * @property {Layout | null} [layout]
 * @property {number | null} [size] bytes
 * @property {string | null} [error] for people, if it failed
 * @property {{stage: "waiting" | "composing" | "uploading", fraction: number, expectedAt: string | null} | null} [progress]
 *
 * @typedef {object} HubEvents What the server sends, by event name.
 * @property {Participant} ParticipantJoined
 * @property {{userId: string, reason: LeaveReason}} ParticipantLeft
 * @property {{userId: string, isMuted: boolean, isVideoOn: boolean}} StateChanged
 * @property {{sourceUserId: string, sdp: string}} ReceiveOffer
 * @property {{sourceUserId: string, sdp: string}} ReceiveAnswer
 * @property {{sourceUserId: string, candidate: string | RTCIceCandidateInit}} IceCandidate
 * @property {{ip: string, port: number, transportId: string}} SfuEndpoint
 * @property {{transportId: string, slots: Slot[]}} Slots
 * @property {{transportId: string, videos: WantedLayers[]}} LayersWanted
 * @property {{transportId: string, videos: {userId: string, source: Source, reason: string}[]}} VideosPaused
 * @property {{transportId: string, videos: VideoLimit[]}} VideosLimited
 * @property {{userIds: string[]}} ActiveSpeakers
 * @property {{limit: "room" | "tenant"}} MediaLimited
 * @property {{transportId: string, state: string, reason?: string}} TransportState
 * @property {{transportId: string, code: string, message: string}} SfuError
 * @property {ChatMessage} ChatMessage
 * @property {{messageId: string, userId: string, emoji: string | null}} MessageReaction
 * @property {{userId: string, emoji: string}} Reaction
 * @property {{userId: string, raised: boolean}} HandRaised
 * @property {{userId: string, displayName: string}} DisplayNameChanged
 * @property {{byUserId: string}} MuteRequested
 * @property {{settings: Settings}} SettingsChanged
 * @property {{userId: string, role: Role, isSpotlit: boolean, permissions: Permissions}} ParticipantChanged
 * @property {Record<string, never>} Waiting
 * @property {Knock} ParticipantWaiting
 * @property {{userId: string}} WaitingEnded
 * @property {{userId: string}} ConnectionLost
 * @property {{userId: string}} ConnectionBack
 * @property {{isRecording: boolean, recordingId?: string | null}} RecordingChanged
 * @property {{userId: string, optOut: boolean}} RecordingOptOutChanged
 * @property {{recordingId: string, reason: TroubleReason}} RecordingTrouble
 * @property {Record<string, never>} Replaced
 * @property {Record<string, never>} Removed
 * @property {{reason: string}} RoomEnded
 */

export {};
