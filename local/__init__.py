"""The servers of one machine without Docker: start, wait, stop, each with its own port and data folder."""
