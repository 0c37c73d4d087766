//! The one table of what travels: frame types, error codes and refusal codes. It feeds the codec,
//! the messages people read, the protocol document and the dissector.

use std::fmt;

/// Which side may send a frame type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The side that opened the connection.
    Requester,
    /// The side that accepted it.
    Listener,
    /// Both.
    Either,
}

macro_rules! frame_types {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $sender:ident, $sealed:literal, $meaning:literal;)*) => {
        /// The type of a frame: four ASCII bytes on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FrameType {
            $($(#[$doc])* $variant,)*
        }

        impl FrameType {
            /// Every type, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The four bytes on the wire.
            pub const fn code(self) -> [u8; 4] {
                match self {
                    $(Self::$variant => *$code,)*
                }
            }

            /// The type of these four bytes, if there is one.
            pub const fn from_code(code: [u8; 4]) -> Option<Self> {
                match &code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Who may send it.
            pub const fn sender(self) -> Sender {
                match self {
                    $(Self::$variant => Sender::$sender,)*
                }
            }

            /// Whether its payload is sealed by the record layer.
            pub const fn is_sealed(self) -> bool {
                match self {
                    $(Self::$variant => $sealed,)*
                }
            }

            /// Its meaning in a few words.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

frame_types! {
    /// TLS 1.3 handshake bytes.
    Handshake = b"SECE", Either, false, "secure exchange: handshake bytes";
    /// The listener accepted the requester's certificate: the proof that the handshake succeeded.
    Verdict = b"RSCV", Listener, true, "requester's certificate is valid";
    /// Refusal: a TLS alert record, or one byte of [`NotReadyCode`].
    Refusal = b"RSCI", Either, false, "certificate invalid or listener not ready";
    /// Request for a file.
    RequestFile = b"RQFL", Requester, true, "request file";
    /// What the file is: the first frame of an answer.
    FileInfo = b"FLIN", Listener, true, "file information";
    /// One chunk of a file: raw bytes.
    Chunk = b"RSFL", Listener, true, "file chunk";
    /// End of a file: its size and digest.
    FileEnd = b"EOFL", Listener, true, "end of file";
    /// The receiver has verified the file and keeps it, or has not.
    Acknowledge = b"ACKF", Requester, true, "file acknowledged";
    /// The answer to the current request is an error; the session goes on.
    Error = b"ERRO", Listener, true, "error";
    /// Nothing; shows that the sender is alive.
    KeepAlive = b"KEEP", Either, true, "keep-alive";
    /// The orderly end of the connection.
    Goodbye = b"GBYE", Either, true, "goodbye";
}

impl fmt::Display for FrameType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code()
            .iter()
            .try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

macro_rules! codes {
    ($(#[$enum_doc:meta])* $name:ident: $repr:ty { $($(#[$doc:meta])* $variant:ident = $number:literal, $meaning:literal;)* }) => {
        $(#[$enum_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
            /// A number that this version does not know.
            Unknown($repr),
        }

        impl $name {
            /// Every known code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The number on the wire.
            pub const fn number(self) -> $repr {
                match self {
                    $(Self::$variant => $number,)*
                    Self::Unknown(number) => number,
                }
            }

            /// The code of a number.
            pub const fn from_number(number: $repr) -> Self {
                match number {
                    $($number => Self::$variant,)*
                    other => Self::Unknown(other),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.write_str($meaning),)*
                    Self::Unknown(number) => write!(f, "unknown code {number}"),
                }
            }
        }
    };
}

codes! {
    /// Why a request failed. Carried by `ERRO`.
    ErrorCode: u16 {
        /// Nothing of that name, or a name that is refused: the same answer for both.
        NotFound = 1, "no such file";
        /// The name is a directory's.
        IsDirectory = 2, "is a directory, not a file";
        /// The name is a FIFO's, a device's or a socket's.
        NotRegular = 3, "is not a regular file";
        /// The requester's role does not allow it.
        Denied = 4, "not allowed for this role";
        /// The file changed while it was sent.
        SourceChanged = 5, "the file changed while it was being sent";
        /// The provider could not read the file.
        SourceUnreadable = 6, "the file could not be read";
        /// The listener is at a limit; later it may work.
        Busy = 7, "the listener is busy";
        /// The requester's certificate was revoked since the handshake.
        Revoked = 8, "the requester's certificate was revoked";
        /// The requester's certificate expired since the handshake.
        Expired = 9, "the requester's certificate has expired";
        /// The digest asked for is not known.
        UnknownDigest = 10, "unknown digest algorithm";
        /// The listener's revocation list ran out during the session.
        CrlStale = 11, "the listener's revocation list is out of date";
    }
}

codes! {
    /// Why a listener cannot begin a handshake. The one byte of a plain `RSCI`.
    NotReadyCode: u8 {
        /// The listener's own certificate has expired, or is not valid yet.
        CertificateExpired = 1, "the listener's own certificate is not valid at this time";
        /// The listener's revocation list is too old to decide by.
        CrlStale = 2, "the listener's revocation list is out of date";
        /// Too many handshakes at once.
        Busy = 3, "the listener is busy";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_type_reads_back_from_its_code() {
        for kind in FrameType::ALL {
            assert_eq!(FrameType::from_code(kind.code()), Some(*kind));
            assert!(kind.code().iter().all(u8::is_ascii_uppercase));
        }
        assert_eq!(FrameType::from_code(*b"HTTP"), None);
    }

    #[test]
    fn unknown_numbers_stay_numbers() {
        assert_eq!(ErrorCode::from_number(999).number(), 999);
        assert_eq!(NotReadyCode::from_number(2), NotReadyCode::CrlStale);
        assert_eq!(NotReadyCode::from_number(77), NotReadyCode::Unknown(77));
    }
}
