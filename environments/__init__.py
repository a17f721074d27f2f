"""The environments that come with agentgym, one module or folder each."""
