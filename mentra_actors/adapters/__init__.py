"""Our store for the sessions of other agent frameworks; each needs an extra of its own.

* `langgraph`: `MentraSaver`, a checkpointer.
* `openai_agents`: `MentraSession`, a session of the OpenAI Agents SDK.
* `google_adk`: `MentraSessionService`, the sessions of the Google ADK.

What an append looks like: docs/adr/0044. Every call blocks for file I/O; the asynchronous ones
let a thread do it.
"""
