"""The shop as tau2-bench has it: its data, tasks, tools and scoring."""
