"""Middleware of the worker: one file each, composed in order around a handler."""
