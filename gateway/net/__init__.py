"""The network's edge: the only maker of HTTP clients and servers, and the policy of whom we may call.

Knows nothing of configuration or logs: `gateway.app` hands in plain values and callbacks.
"""
