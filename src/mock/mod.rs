//! The embedded OpenAI-compatible endpoint. It imports nothing of ours: a witness shares no code with the defendant.
