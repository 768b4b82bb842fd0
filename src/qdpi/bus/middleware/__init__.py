"""Middleware for the worker's handlers: one file each, composed in order around a handler."""
