"""Layer 5: pictures of a run; it reads the folder and never trains."""
