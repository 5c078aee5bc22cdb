"""The entrances for devices: the bidirectional stream, and the browser's pair of RPCs."""

from svc_gateway.servicer.gateway import GatewayServicer

__all__ = ["GatewayServicer"]
