"""The work that every tool is given, a column of the table each."""

from dataclasses import dataclass

WHOLE = ("--per-token", "0ms", "--tokens", "1")


@dataclass(frozen=True)
class Load:
    """So many requests over so many connections, at an endpoint with these flags."""

    name: str
    kind: str  # burst, streams, closed or start
    connections: int
    requests: int
    flags: tuple
    # For slow clients: the same loop, fewer times around.
    requests_of_slow: int = 0
    # Milliseconds by which the endpoint's own writes may be late (P99) before the cell is marked. 10,000 answers that are
    # due together take it 0.2 s to write: that is in its log, and so in nobody's error.
    may_be_late: float = 1.0
    # How often the floors and ours run it in each round, by turns.
    turns: int = 3
    # And a peer, unless it is slow.
    turns_of_peers: int = 1

    @property
    def stream(self):
        return self.kind == "streams"

    @property
    def logged(self):
        """A log of every request would cost a closed loop's endpoint more than answering does."""
        return self.kind != "closed"

    def turns_of(self, peer):
        return 1 if peer.slow else self.turns_of_peers

    def asked_of(self, tool):
        return self.requests_of_slow or self.requests if tool.slow else self.requests


def stream(every, tokens, first="200ms"):
    return ("--first-token", first, "--per-token", every, "--tokens", str(tokens))


# Many slow streams do not speak in chorus: their first tokens come over a few hundred milliseconds.
APART = "{lognormal={median='400ms',sigma=0.3}}"
AT_ONCE = ("--first-token", "0ms", *WHOLE)

# A loop of 100,000 takes a client some two seconds: of 40,000 one, in which a start weighs a hundredth and a neighbour's
# noise more.
LOADS = [
    Load("burst-10000", "burst", 10000, 10000, ("--first-token", "1s", *WHOLE), may_be_late=200),
    Load("streams-500", "streams", 500, 500, stream("10ms", 200)),
    Load("streams-5000", "streams", 5000, 5000, stream("100ms", 30, APART)),
    Load("closed-50", "closed", 50, 100000, AT_ONCE, 8000),
    Load("closed-500", "closed", 500, 100000, AT_ONCE, 8000),
    Load("start", "start", 1, 1, AT_ONCE, turns_of_peers=3),
]

# The same columns, so small that they prove the harness and nothing else.
SHORT = [
    Load("burst-10000", "burst", 100, 100, ("--first-token", "300ms", *WHOLE), may_be_late=50, turns=1),
    Load("streams-500", "streams", 20, 20, stream("10ms", 20), turns=1),
    Load("streams-5000", "streams", 50, 50, stream("20ms", 10), turns=1),
    Load("closed-50", "closed", 10, 500, AT_ONCE, 200, turns=1),
    Load("closed-500", "closed", 50, 500, AT_ONCE, 200, turns=1),
    Load("start", "start", 1, 1, AT_ONCE, turns=1),
]
