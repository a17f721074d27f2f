"""What is trained: a checkpoint read, given rows for new tokens or an adapter, written, merged and measured."""
