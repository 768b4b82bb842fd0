"""Requests and responses of the HTTP API, shared by the gateway and its clients."""
