"""The systems that a reporter sends to: a file for each kind."""
