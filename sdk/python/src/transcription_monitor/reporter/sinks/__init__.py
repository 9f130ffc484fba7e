"""Sinks: the systems that a reporter delivers to, one file for each kind."""
