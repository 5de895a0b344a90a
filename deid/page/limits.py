"""What one worker of a browser takes on: the rest goes to the encrypted intake."""

# A file is held about five times over while it is searched for names a second time, in memory of 2 GiB at most.
LARGEST = 128 << 20
