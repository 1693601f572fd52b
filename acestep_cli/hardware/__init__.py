"""What the machine has and how a run uses it: devices, memory, threads, and the one policy.

Nothing here imports torch to find out; `threads.set_threads` alone needs it.
"""
