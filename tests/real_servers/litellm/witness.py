"""LiteLLM's own account of each request, one JSON line each, in the file that WITNESS_LOG names."""

import json
import os

from litellm.integrations.custom_logger import CustomLogger


class Witness(CustomLogger):
    def _write(self, kwargs, answer, outcome):
        usage = getattr(answer, "usage", None)
        line = {
            "outcome": outcome,
            "id": kwargs.get("litellm_call_id"),
            "group": (kwargs.get("litellm_params") or {}).get("metadata", {}).get("model_group"),
            "stream": bool(kwargs.get("stream")),
            "tokens_in": getattr(usage, "prompt_tokens", None),
            "tokens_out": getattr(usage, "completion_tokens", None),
        }
        with open(os.environ["WITNESS_LOG"], "a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        self._write(kwargs, response_obj, "ok")

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        self._write(kwargs, response_obj, "failed")


witness = Witness()
