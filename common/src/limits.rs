//! Every limit of the protocol, with its unit in the name and its reason beside it.

/// Bytes of a frame header: 4 of type, 4 of length.
pub const FRAME_HEADER_BYTES: usize = 8;

/// Payload of one frame before the other side is verified. A server flight with an RSA-4096
/// certificate and a post-quantum key share is under 5 KiB; this leaves room and bounds a stranger.
pub const MAX_HANDSHAKE_FRAME_BYTES: usize = 16 * 1024;

/// All frames of one direction, headers included, before the other side is verified.
pub const MAX_HANDSHAKE_DIRECTION_BYTES: usize = 64 * 1024;

/// Plaintext of one file chunk. One buffer a connection has this size at most.
pub const MAX_CHUNK_BYTES: usize = 1024 * 1024;

/// Plaintext of the chunks we send ourselves: they stay in a core's L2 cache between read,
/// digest, seal and send (measured: a third faster than 1 MiB).
pub const SENT_CHUNK_BYTES: usize = 256 * 1024;

/// Payload of any sealed frame that is not a file chunk.
pub const MAX_CONTROL_FRAME_BYTES: usize = 64 * 1024;

/// Bytes of a suite's tag at most (HMAC-SHA-256 has 32, the AEADs 16).
pub const MAX_TAG_BYTES: usize = 32;

/// Frames sealed under one key; then the next epoch's key takes over without a message.
/// 1024 frames of 1 MiB are 1 GiB, far inside the AES-GCM limits (RFC 8446, 5.5).
pub const FRAMES_PER_EPOCH: u32 = 1024;

/// Seconds from connecting to the verified end of the handshake.
pub const HANDSHAKE_SECS: u64 = 10;

/// Keep-alives in a row, with nothing else between them: a side that only says that it is alive
/// does not hold a connection for ever.
pub const MAX_KEEP_ALIVES: u32 = 120;

/// Nesting of a CBOR message: a map of fields, and one level inside it.
pub const MAX_CBOR_DEPTH: usize = 4;

/// Requests a requester keeps unanswered on one connection. The longest ones together stay under
/// 128 KiB, so they fit the socket buffers while the listener is busy answering: no deadlock.
pub const MAX_PIPELINED_REQUESTS: usize = 16;

/// Characters of an alias, a role or a device name.
pub const MAX_LABEL_CHARS: usize = 32;

/// Characters of the organisation's label: one DNS label (RFC 1035, 2.3.4).
pub const MAX_ORG_LABEL_CHARS: usize = 63;

/// Characters of a password once normalised: "at least 15 characters" where it is the only factor
/// (NIST SP 800-63B-4, 3.1.1.2).
pub const MIN_PASSWORD_CHARS: usize = 15;

/// Bytes of a password: bounds the work of normalising; NIST asks for at least 64 characters.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Bytes of one component of a remote path: what ext4, APFS and NTFS can store.
pub const MAX_NAME_BYTES: usize = 255;

/// Bytes of a whole remote path: PATH_MAX on Linux.
pub const MAX_PATH_BYTES: usize = 4096;

/// Bytes of a CRL: at 51 bytes an entry about 328,000 revocations, more than the 300,000 that the
/// authority lets there be.
pub const MAX_CRL_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of a certificate: RSA-4096 with every field full is under 3 KiB.
pub const MAX_CERTIFICATE_BYTES: usize = 8 * 1024;

/// TCP port of the auth server.
pub const AUTH_SERVER_PORT: u16 = 12565;

/// Addresses that a device announces: a few interfaces in two families.
pub const MAX_ANNOUNCED_ADDRESSES: usize = 16;

/// Bytes of such an address: a host name (RFC 1035, 2.3.4), a colon and a port.
pub const MAX_ANNOUNCED_ADDRESS_BYTES: usize = 253 + 6;

/// Shares that a device announces.
pub const MAX_ANNOUNCED_SHARES: usize = 64;

/// Bytes of the name of such a share.
pub const MAX_ANNOUNCED_SHARE_BYTES: usize = 64;

/// Suites that a device announces: more than there are.
pub const MAX_ANNOUNCED_SUITES: usize = 16;

/// Bytes of the name of such a suite.
pub const MAX_ANNOUNCED_SUITE_BYTES: usize = 32;

/// Devices of one person that are online: more than anybody runs at once.
pub const MAX_DEVICES_ONLINE: usize = 64;

/// Bytes of the auth server's answer to where one person is: 1 KiB for each of so many devices.
pub const MAX_PERSON_LISTING_BYTES: usize = 64 * 1024;

/// Bytes of its answer to who is online: 7,040 devices with 700 bytes each, and besides as much as 180
/// people can be shown with at most.
pub const MAX_LISTING_BYTES: usize = 16 * 1024 * 1024;
