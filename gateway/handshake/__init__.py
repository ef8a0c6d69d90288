"""Registration, rotation and unregistration with partners, in both roles.

performer   runs a flow of `gateway.ocpi.registration`: requests go to the partner, changes to the store
registrar   what both ends share: store, clock, our front, who is busy with whom
responder   the partner calls: versions, version details, credentials (we are Receiver)
initiator   we call: register, rotate, unregister (we are Sender)
operations  what the operator can do, for the command line now and the console later
"""
