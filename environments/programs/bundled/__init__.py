"""The problems that come with agentgym: drafts by topic, and the JSONL that `build` makes of them."""
