"""Owns the connections of devices: one stream each, and this node's own topic on the broker. It keeps nothing."""
