"""One file a format: bytes on a disk to arrays."""
