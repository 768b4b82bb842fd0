"""The actors of the pipeline, as functions of an event and the ports."""
