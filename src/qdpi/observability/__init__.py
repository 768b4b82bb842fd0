"""What can be seen of a process from outside: metrics, W3C trace context, structured logs."""
