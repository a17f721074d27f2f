"""The policies that come with agentgym, one file each."""
