"""The demonstration checkpoint of the package (`checkpoint/`), and a builder of checkpoints of
random weights in the same folder layout: right names and shapes that make noise, not music."""
