"""The same six requests written as every log that is recognised, and what they add up to.

Two models; tokens, cached tokens and times are chosen so that totals can be added by hand:
input 100 + 2,000 + 300 + 40,000 + 50 + 250,000, output 10 + 200 + 30 + 400 + 5 + 600, cached 500 + 1,000.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Logged:
    """One request."""

    model: str
    given: int
    made: int
    cached: int
    minute: int
    session: str


REQUESTS = [
    Logged(model="gpt-5-mini", given=100, made=10, cached=0, minute=0, session="a"),
    Logged(model="gpt-5", given=2_000, made=200, cached=500, minute=1, session="a"),
    Logged(model="gpt-5-mini", given=300, made=30, cached=0, minute=2, session="b"),
    Logged(model="gpt-5", given=40_000, made=400, cached=1_000, minute=3, session="b"),
    Logged(model="gpt-5-mini", given=50, made=5, cached=0, minute=4, session="c"),
    Logged(model="gpt-5", given=250_000, made=600, cached=0, minute=5, session="c"),
]
TOTALS = (6, 292_450, 1_245, 1_500)
EPOCH = 1_793_491_200  # 2026-11-01T00:00:00Z


def iso(request: Logged) -> str:
    return f"2026-11-01T00:{request.minute:02d}:00.500000Z"


def litellm_spend(request: Logged, number: int) -> dict[str, Any]:
    return {
        "request_id": f"r{number}", "call_type": "acompletion", "spend": 0.01, "model": request.model,
        "prompt_tokens": request.given, "completion_tokens": request.made,
        "total_tokens": request.given + request.made, "startTime": iso(request), "session_id": request.session,
        "metadata": {"usage_object": {"prompt_tokens_details": {"cached_tokens": request.cached}}},
        "messages": {}, "response": {}, "status": "success", "cache_hit": "False",
    }  # fmt: skip


def litellm_payload(request: Logged, number: int) -> dict[str, Any]:
    return {
        "id": f"r{number}", "trace_id": request.session, "call_type": "acompletion", "status": "success",
        "response_cost": 0.01, "prompt_tokens": request.given, "completion_tokens": request.made,
        "startTime": EPOCH + 60.0 * request.minute, "endTime": EPOCH + 60.0 * request.minute + 1,
        "model": request.model, "model_group": request.model, "messages": [{"role": "user", "content": "hi"}],
        "metadata": {"usage_object": {"prompt_tokens_details": {"cached_tokens": request.cached}}},
        "routing_decision": {"tier": "COMPLEX" if request.model == "gpt-5" else "SIMPLE", "score": 0.4},
    }  # fmt: skip


def langfuse(request: Logged, number: int) -> dict[str, Any]:
    usage = {
        "input": request.given - request.cached, "output": request.made, "input_cached_tokens": request.cached,
        "total": request.given + request.made,
    }  # fmt: skip
    return {
        "id": f"r{number}", "type": "GENERATION", "model": request.model, "startTime": iso(request),
        "usageDetails": usage, "sessionId": request.session, "level": "DEFAULT",
    }  # fmt: skip


def otel(request: Logged, number: int) -> dict[str, Any]:
    attributes = {
        "gen_ai.request.model": request.model, "gen_ai.usage.input_tokens": str(request.given),
        "gen_ai.usage.output_tokens": str(request.made), "gen_ai.usage.cache_read.input_tokens": request.cached,
        "gen_ai.conversation.id": request.session,
    }  # fmt: skip
    return {
        "name": "chat", "spanId": f"r{number}", "attributes": attributes,
        "startTimeUnixNano": str((EPOCH + 60 * request.minute) * 10**9),
    }  # fmt: skip


def otlp(requests: list[Logged]) -> dict[str, Any]:
    """One OTLP document with all spans, and one span that is no model call."""

    def value(item: Any) -> dict[str, Any]:
        return {"intValue": str(item)} if isinstance(item, int) else {"stringValue": item}

    spans = []
    for number, request in enumerate(requests):
        span = otel(request, number)
        span["attributes"] = [{"key": key, "value": value(item)} for key, item in span["attributes"].items()]
        spans.append(span)
    spans.append({"name": "GET /", "spanId": "x", "attributes": [], "startTimeUnixNano": "1"})
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


def openai(request: Logged, number: int) -> dict[str, Any]:
    return {
        "id": f"r{number}", "object": "chat.completion", "created": EPOCH + 60 * request.minute,
        "model": request.model, "session_id": request.session,
        "usage": {
            "prompt_tokens": request.given, "completion_tokens": request.made,
            "prompt_tokens_details": {"cached_tokens": request.cached},
        },
    }  # fmt: skip


def openai_batch(request: Logged, number: int) -> dict[str, Any]:
    return {"id": f"b{number}", "custom_id": "x", "response": {"status_code": 200, "body": openai(request, number)}}


def vllm_sr(request: Logged, number: int) -> dict[str, Any]:
    return {
        "timestamp": EPOCH + 60 * request.minute, "selected_model": request.model, "prompt_tokens": request.given,
        "generated_tokens": request.made, "complexity": "hard" if request.model == "gpt-5" else "easy",
        "category": "math", "request_id": f"r{number}",
    }  # fmt: skip


def lines(form: Any) -> str:
    """The six requests as JSON Lines of one form."""
    return "".join(json.dumps(form(request, number)) + "\n" for number, request in enumerate(REQUESTS))
