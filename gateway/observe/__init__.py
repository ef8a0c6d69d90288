"""What the operator sees: log events, metrics, and the record of each request. Never a token."""
