"""The store: partners, tokens, call-backs and audit trail in SQLite or PostgreSQL, and the partner table in memory.

tables     the schema as SQLAlchemy Core tables; Alembic in `migrations/` makes them
engine     `Store`: transactions that are short, shielded and can't wait for the network
vault      digests, encryption at rest, fingerprints
partners   reading and writing partner records
claims     one handshake with a partner at a time, in all processes
audit      who changed what, when
changes    what each change of a registration does to the records, all in one transaction
directory  the partner table in memory, refreshed when the store moved
gatekeeper who presents this token?
"""
