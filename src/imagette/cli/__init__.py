"""Layer 6: the command line, one thin file a command: parse, call, print."""
