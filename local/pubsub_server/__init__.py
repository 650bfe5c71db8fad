"""An embedded Pub/Sub server: google.pubsub.v1 over gRPC, in memory, without Java or gcloud.

Start it with `python -m local.pubsub_server`; clients find it through PUBSUB_EMULATOR_HOST.
"""
