"""The services of the pipeline: each handles the records of its topics over the ports of bus and store."""
