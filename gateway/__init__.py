"""OCPI Gateway: a reverse proxy that gives a legacy charge point operator system the OCPI front it lacks."""

__version__ = "0.1.0"
