"""What a training leaves behind: figures and logs of each step, pictures, and checkpoints to go on from."""
