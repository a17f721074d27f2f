"""What agentgym measures: how well agents do (suites) and how fast agentgym is (speed)."""
