"""What tasks ask for and refer to, and how their tests went."""
