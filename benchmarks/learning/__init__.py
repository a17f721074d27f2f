"""Whether tiny models learn: from recorded episodes, then from their own, with the commands that everybody has."""
