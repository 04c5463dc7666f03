"""A typed value to be asked for, and a script that hands it over."""

import msgspec

from mentra_actors import call, tool
from mentra_actors.providers.scripted import position

KEEPS_TOOLS = {"keeps_tools": True}


class Invoice(msgspec.Struct):
    """What a letter asks for."""

    payee: str
    cents: int

    def __post_init__(self):
        if self.cents < 0:
            raise ValueError("cents must not be negative")


ACME = Invoice(payee="ACME", cents=1250)


@tool(retry="safe")
async def look() -> str:
    """Look."""
    return "a result\n"


def outputs_in(request):
    """Names of the tools of a request that hand over a value."""
    return [spec.name for spec in request.tools if spec.name.startswith("final_")]


def names_in(request):
    return [spec.name for spec in request.tools]


def handing_over(*turns):
    """A script in which `(value, …)` stands for calls that hand over these values."""

    def script(request):
        turn = turns[position(request)]
        if not isinstance(turn, tuple):
            return turn
        (name,) = outputs_in(request)
        return [one if hasattr(one, "call_id") else call(name, **one) for one in turn]

    return script


def value(invoice):
    return msgspec.to_builtins(invoice)


def kinds_of(messages):
    return [type(message) for message in messages]
