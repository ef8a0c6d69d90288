"""The traffic path: authenticated OCPI requests carried both ways, bodies untouched, every link led back through us.

ingress    partner -> backend, one module of the public listener
egress     backend -> partner, the whole private listener
exchange   one request and its answer, streamed; the failures of the other side put into answers of ours
heads      which headers travel on
routing    OCPI-from, OCPI-to and the owner in a path: who may speak for whom
answers    the head of an answer: `Link` and `Location` rewritten
callbacks  `response_url`, replaced by one of ours
refusals   the answers that we make ourselves
"""
