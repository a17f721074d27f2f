"""Imitation: what good rollouts and dialogues say is learnt token by token."""
