"""Our own forwarder: packets go on as they came, and nothing is decoded or kept on disk."""
