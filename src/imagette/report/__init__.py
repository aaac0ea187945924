"""Layer 5: pages and pictures, of a run, its network, and any labelled images; it reads, and never trains."""
