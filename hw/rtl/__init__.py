"""The core, one Component per file; `core.Core` is the top level."""
