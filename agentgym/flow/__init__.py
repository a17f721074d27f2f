"""AgentFlow: an agent built of a planner, an executor, a verifier and a generator, with a memory between them."""
