"""The composition root: configuration → store → services → listeners; start, drain, stop.

foundation  database open and migrated, vault opened; what every verb stands on
surface     one request through a listener: ids, record, refusals into answers
public      the public listener: who calls, what for, and who answers
server      everything running, until SIGTERM
verbs       what the command line calls
"""
