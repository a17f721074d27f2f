"""The HTTP clients behind the transport seam, one file each; a file imports its client."""
