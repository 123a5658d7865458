"""What a worker does with one message: the skeleton that copying and verifying share."""
