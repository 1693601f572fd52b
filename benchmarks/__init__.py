"""Every stage's time and memory beside diffusers' AceStep pipeline, on the same random weights.

`python -m benchmarks build FOLDER` writes the weights once, `python -m benchmarks FOLDER` measures.
Both implementations run in processes of their own, one at a time, with the same number of threads.
"""
