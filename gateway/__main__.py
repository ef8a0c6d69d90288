"""`python -m gateway`: the same as the command `ocpi-gateway`."""

from gateway.cli import main

main()
