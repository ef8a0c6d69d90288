"""The OCPI protocol, pure: no I/O, no clock, no randomness, no framework.

Everything here is decided from its arguments, so that the handshake can be driven by tests, crash simulations and
the running gateway alike. What differs between OCPI versions is data in `versions`.
"""
