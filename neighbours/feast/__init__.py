"""How old the values of features are that a Feast online store holds (docs/neighbours.md).

A look is a process of its own (``look``, ``repo``, ``ages``): loading Feast takes memory and time
that no worker gives, and what hangs or crashes there ends there. It is asked by ``asked``, for
``watch``, which tells what was found. Only those three import Feast.
"""

# A look that takes longer is ended.
LOOK_SECONDS = 25
