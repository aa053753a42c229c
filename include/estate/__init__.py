"""Real Estate OS: public records in, provable numbers out."""

__version__ = "0.1.0"
