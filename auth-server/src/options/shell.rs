//! Shells that complete what is typed.

/// Shells that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// The one of most systems.
    Bash,
    /// The one of macOS.
    Zsh,
    /// The friendly one.
    Fish,
}
