"""Reading Pub/Sub on one machine: event-time watermark, back-pressure, acknowledgement after the sinks.

Beam's own Pub/Sub read on its direct runner acknowledges before processing and takes ten messages a
turn. Here a gRPC service feeds the runner's `TestStream(endpoint=…)` instead; docs/adr/0003 says why.
"""
