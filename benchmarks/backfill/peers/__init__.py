"""What else one would write for the same work, each a program of its own: `--input GLOB --output FOLDER`."""
