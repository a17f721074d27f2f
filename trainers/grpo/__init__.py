"""GRPO: a policy is changed by the rewards of its rollouts, recorded ones or those it plays while it is trained."""
