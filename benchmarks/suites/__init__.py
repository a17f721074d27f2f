"""What is measured: a module per suite, each with its `SUITE`, found through the entry points `agentgym.suites`."""
