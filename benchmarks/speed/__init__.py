"""How fast agentgym is, beside a floor or a peer: each file prints ratios."""
