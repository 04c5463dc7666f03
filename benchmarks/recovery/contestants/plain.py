"""A contestant without a framework: a loop and a JSON file. It imports nothing of this project.

    python -m benchmarks.recovery --contestant "python benchmarks/recovery/contestants/plain.py" \
        --variant "saved after each run" --variant "saved after each message" --variant journal

* *saved after each run*: what many programs do; a killed run has left nothing.
* *saved after each message*: the calls are in the file before they are done, and nothing says
  which of them are; a resumed run does all of them.
* *journal*: a line before each call and one after it; a call that was begun and not ended is not
  done again, and the model is told so.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

PROMPT = "Charge 5 euros and mail the receipt."
QUESTION = "What happened?"
RESULTS = {"charge": "charged 5 euros", "mail": "mailed the receipt"}
NOT_OFFERED = 3


class Refused(Exception):
    """What a provider answers with status 400."""


class Loop:
    """One life of the agent."""

    def __init__(self, life):
        self.life = life
        self.folder = Path(life["folder"])
        self.keeps_messages = life["variant"] != "saved after each run"
        self.journals = life["variant"] == "journal"
        file = self.folder / "history.json"
        self.history = json.loads(file.read_text()) if file.exists() else []

    def run(self):
        """Until the model answers with a text."""
        while True:
            self.do_open_calls()
            last = self.history[-1]
            if last["role"] == "assistant":
                self.save()
                return
            self.add(self.model())

    def do_open_calls(self):
        """The calls of the last answer that have no result yet."""
        answers = [one for one in self.history if one["role"] == "assistant"]
        done = {one["id"] for one in self.history if one["role"] == "tool"}
        for call in answers[-1]["calls"] if answers else []:
            if call["id"] not in done:
                text = self.journalled(call) if self.journals else self.tool(call)
                self.add({"role": "tool", "id": call["id"], "name": call["name"], "text": text})

    def journalled(self, call):
        """The result of a call that is begun once, or that its outcome is unknown."""
        journal = self.folder / "journal.jsonl"
        told = (
            [json.loads(line) for line in journal.read_text().splitlines()]
            if (journal.exists())
            else []
        )
        for one in told:
            if one["id"] == call["id"] and "text" in one:
                return one["text"]
        if any(one["id"] == call["id"] for one in told):
            return "interrupted: whether it had its effect is unknown"
        append(journal, {"id": call["id"]})
        text = self.tool(call)
        append(journal, {"id": call["id"], "text": text})
        return text

    def say(self, text):
        """A message of the user. An open round is finished before it."""
        if self.journals and self.history:
            self.run()
        self.add({"role": "user", "text": text})

    def add(self, message):
        """To the history."""
        self.history.append(message)
        if self.keeps_messages:
            self.save()

    def save(self):
        """The whole history, replaced at once."""
        beside = self.folder / "history.next"
        beside.write_text(json.dumps(self.history))
        beside.replace(self.folder / "history.json")

    # --- the world, as README.md says --------------------------------------------------------

    def tool(self, call):
        """An effect on disk, and perhaps a death."""
        append(self.folder / "witness.jsonl", [call["name"], call["id"]])
        if self.life["dies"] == "tool" and call["name"] == "mail":
            die(self.life["grace_s"])
        return RESULTS[call["name"]]

    def model(self):
        """The scripted model: it writes down what it is asked, refuses what providers refuse."""
        refused = illegal(self.history)
        line = {"life": self.life["number"], "messages": self.history, "refused": refused}
        append(self.folder / "requests.jsonl", line)
        if refused:
            raise Refused(f"400: {refused}")
        last = self.history[-1]
        if last["role"] == "tool" and self.life["dies"] == "model":
            die(self.life["grace_s"])
        if last["role"] == "user" and last["text"] == PROMPT:
            calls = [{"id": f"call_{name}", "name": name} for name in RESULTS]
            return {"role": "assistant", "text": "", "calls": calls}
        return {"role": "assistant", "text": "That is all I know.", "calls": []}


def illegal(messages):
    """Why a provider would refuse these messages: calls must be followed by their results."""
    open_calls = set()
    for message in messages:
        if message["role"] == "tool":
            open_calls.discard(message["id"])
        elif open_calls:
            return f"tool calls without a result: {sorted(open_calls)}"
        elif message["role"] == "assistant":
            open_calls = {call["id"] for call in message["calls"]}
    return f"tool calls without a result: {sorted(open_calls)}" if open_calls else ""


def append(path, value):
    """One line of JSON, on disk before this returns."""
    with path.open("a") as file:
        file.write(json.dumps(value) + "\n")
        file.flush()
        os.fsync(file.fileno())


def die(grace_s):
    """As by a power cut, after a while in which a framework may record what it knows."""
    time.sleep(grace_s)
    os.kill(os.getpid(), signal.SIGKILL)


def main():
    """Live the life of the last word of the command line."""
    life = json.loads(sys.argv[-1])
    loop = Loop(life)
    if life["action"] == "resume":
        if not loop.keeps_messages:
            print("a run is not kept before it ends", file=sys.stderr)
            sys.exit(NOT_OFFERED)
    else:
        loop.say({"start": PROMPT, "message": QUESTION}[life["action"]])
    loop.run()


if __name__ == "__main__":
    main()
