"""Layer 6: how fast a machine trains, beside the machines whose rows come with the package.

There is no ``imagette.bench()``: this room has that name, and the command is what people ask for. From Python:
``imagette.bench.measure.measure(["lenet"], rounds=3)``.
"""

ROUNDS = 5
