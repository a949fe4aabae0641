"""For those who keep the service running: how it stands, its keys, payloads in clear."""
